/** Notices that an input got partitions while the topology runs: state of a key would be looked for where it is not. */
import type { Clock } from '../clock.ts'
import { CaudalError, FatalError } from '../errors.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { wayOutOfMorePartitions } from '../kafka/internal-topics.ts'
import type { Log } from '../log.ts'
import type { Plan } from '../topology/plan.ts'

const lookEveryMs = 30_000

const consequence = (stores: readonly string[]) =>
  `keys would come on other partitions than their state is on (${stores.join(', ')}). ${wayOutOfMorePartitions}`

export interface PartitionWatchParts {
  readonly plan: Plan
  /** How many partitions a topic had when the process started. */
  readonly partitionsOf: (topic: string) => number | undefined
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Log
}

export class PartitionWatch {
  readonly #parts: PartitionWatchParts
  readonly #sources: readonly string[]
  readonly #told = new Set<string>()
  #lookedAt: number
  /** Of an input whose records state depends on; no repetition mends it. */
  failure: FatalError | null = null

  constructor(parts: PartitionWatchParts) {
    this.#parts = parts
    this.#sources = [...new Set(parts.plan.graph.subtopologies.flatMap(({ sourceTopics }) => sourceTopics))]
    this.#lookedAt = parts.clock.monotonic()
  }

  /** Asks Kafka at most twice a minute, however often it is called. Never rejects: what cannot be asked now can be later. */
  async look(): Promise<void> {
    const { clock, cluster, partitionsOf } = this.#parts
    const now = clock.monotonic()
    if (now - this.#lookedAt < lookEveryMs) return
    this.#lookedAt = now
    try {
      for (const [topic, { partitions }] of await cluster.topics(this.#sources)) {
        const before = partitionsOf(topic) ?? partitions.length
        if (partitions.length > before) this.#grown(topic, before, partitions.length)
      }
    } catch (error) {
      if (!(error instanceof CaudalError)) throw error
    }
  }

  #grown(topic: string, before: number, partitions: number): void {
    const { plan, log } = this.#parts
    const readers = plan.graph.subtopologies.filter(({ sourceTopics }) => sourceTopics.includes(topic))
    const stores = readers.flatMap((reader) => reader.stores.map(({ name }) => name))
    if (stores.length > 0) {
      const message = `Topic ${topic} had ${before} partitions, and has ${partitions} now: ${consequence(stores)}`
      this.failure ??= new FatalError(message, { fields: { topic, before, partitions, stores } })
    } else if (!this.#told.has(topic)) {
      this.#told.add(topic)
      log.warn(
        { topic, before, partitions },
        'partitions were added to an input: they are read once all processes were restarted',
      )
    }
  }
}
