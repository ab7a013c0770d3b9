/** Everything that is found out, checked and created before a worker starts: all defects at once, and nothing half-started. */
import type { Clock } from '../clock.ts'
import { offsetMetadataBytesAtMost, offsetMetadataBytesMax } from '../commit/offset-metadata.ts'
import { ConfigurationError, ConnectionError, FatalError, StoppedError } from '../errors.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { ensureInternalTopics, topicsNow } from '../kafka/internal-topics.ts'
import type { Log } from '../log.ts'
import type { Tables } from '../operators/compile-parts.ts'
import type { Graph } from '../topology/graph.ts'
import { type Plan, planOf, repartitionTopics, requiredTopics } from '../topology/plan.ts'
import { loadTables } from './static-tables.ts'
import { factsOf, type TopicFact } from './topic-facts.ts'

export interface StartUpParts {
  readonly graph: Graph
  readonly application: string
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Log
  /** Aborted: the start is given up. */
  readonly signal?: AbortSignal | undefined
  /** How long brokers may be out of reach. */
  readonly startTimeoutMs: number
  /** Called with each phase, as the end of a sentence that begins with the process. */
  readonly onPhase?: ((phase: string) => void) | undefined
  /** −1: the broker's default. */
  readonly replicationFactor: number
}

export interface Prepared {
  readonly plan: Plan
  /** Of every topic that the topology names, and of its own. */
  readonly topics: ReadonlyMap<string, TopicFact>
  /** The rows of its static tables. */
  readonly tables: Tables
}

/** @throws ConfigurationError with every defect; FatalError where no broker was reached in time */
export async function prepare(parts: StartUpParts): Promise<Prepared> {
  const { graph, application, cluster, onPhase } = parts
  onPhase?.('starts: it reads its static tables')
  const tables = await loadTables(graph)
  await connect(parts)
  onPhase?.('starts: it looks at the topics of the topology')
  const named = requiredTopics(graph)
  const found = await topicsNow(cluster, [...named, ...repartitionTopics(graph, application)], { signal: parts.signal })
  const plan = planOf(graph, application, new Map([...found].map(([name, topic]) => [name, topic.partitions.length])))
  checkMetadataSize(plan)
  const { replicationFactor } = parts
  const specs = plan.internalTopics.map(({ name, partitions, kind }) => ({
    name,
    partitions,
    kind,
    replicationFactor,
    configs: {},
  }))
  onPhase?.('starts: it creates the topics of its own that are missing, and checks the others')
  await ensureInternalTopics(cluster, specs)
  const topics = await factsOf(cluster, [...named, ...specs.map(({ name }) => name)])
  return { plan, topics, tables }
}

async function connect({ cluster, clock, log, startTimeoutMs, signal, onPhase }: StartUpParts): Promise<void> {
  onPhase?.('starts: it connects to Kafka')
  const until = clock.monotonic() + startTimeoutMs
  for (let attempt = 0; ; attempt++) {
    try {
      return await cluster.connect()
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      if (clock.monotonic() >= until) {
        throw new FatalError(`no Kafka broker could be reached within ${startTimeoutMs} ms (startTimeoutMs): ${error.message}`, {
          cause: error,
        })
      }
      if (attempt === 0) log.warn({ error: error.message }, 'no Kafka broker can be reached yet: trying again')
      if (attempt === 0) onPhase?.(`starts: no Kafka broker can be reached (kafka.brokers): ${error.message}`)
      await clock.sleep(Math.min(1000, 50 * 2 ** attempt), signal)
      if (signal?.aborted) throw new StoppedError('the start was given up', { cause: error })
    }
  }
}

function checkMetadataSize(plan: Plan): void {
  const defects = plan.graph.subtopologies.flatMap(({ id, stores, withTimes }) => {
    const bytes = offsetMetadataBytesAtMost(
      stores.map(({ name }) => name),
      withTimes.length,
    )
    if (bytes <= offsetMetadataBytesMax) return []
    return [
      `sub-topology ${id} has ${stores.length} stores, whose offset metadata may take ${bytes} bytes, and Kafka allows ${offsetMetadataBytesMax}: give them shorter names, or split the topology`,
    ]
  })
  if (defects.length > 0) throw new ConfigurationError(defects)
}
