/** Deletes what was read of repartition topics, behind the commit (P11): only offsets whose EndTxn was answered are ever named here. */
import type { Clock } from '../clock.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { deleteRecordsBefore } from '../kafka/internal-topics.ts'
import { partitionKey } from '../kafka/offsets.ts'
import type { Log } from '../log.ts'
import type { Plan } from '../topology/plan.ts'

export interface PurgeParts {
  readonly plan: Plan
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Log
}

/** As Kafka Streams' `repartition.purge.interval.ms`. */
const purgeEveryMs = 30_000

interface Position {
  readonly topic: string
  readonly partition: number
  readonly position: number
}

export class RepartitionPurge {
  readonly #parts: PurgeParts
  readonly #topics: ReadonlySet<string>
  readonly #committed = new Map<string, Position>()
  readonly #stop = new AbortController()
  #last: number
  #running = false

  constructor(parts: PurgeParts) {
    this.#parts = parts
    this.#topics = new Set(parts.plan.internalTopics.filter(({ kind }) => kind === 'repartition').map(({ name }) => name))
    this.#last = parts.clock.monotonic()
  }

  /** Takes note of positions that a committed transaction carried; deletes from time to time, beside the loop. */
  committed(tasks: readonly { positions(): readonly Position[] }[]): void {
    if (this.#topics.size === 0) return
    for (const task of tasks) {
      for (const { topic, partition, position } of task.positions()) {
        if (this.#topics.has(topic)) this.#committed.set(partitionKey(topic, partition), { topic, partition, position })
      }
    }
    const now = this.#parts.clock.monotonic()
    if (this.#running || now - this.#last < purgeEveryMs || this.#committed.size === 0) return
    this.#last = now
    this.#running = true
    void this.#purge().finally(() => {
      this.#running = false
    })
  }

  /** Gives up what is under way. */
  close(): void {
    this.#stop.abort()
  }

  async #purge(): Promise<void> {
    const { cluster, log } = this.#parts
    const positions = [...this.#committed.values()].map(({ topic, partition, position }) => ({
      topic,
      partition,
      offset: position,
    }))
    this.#committed.clear()
    try {
      await deleteRecordsBefore(cluster, positions, { signal: this.#stop.signal })
    } catch (error) {
      if (this.#stop.signal.aborted) return
      // Only space is at stake: the next commit names the positions again.
      log.warn({ error: String(error) }, 'records of repartition topics could not be deleted: trying again later')
    }
  }
}
