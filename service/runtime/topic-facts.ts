/** What the outputs need to know of a topic: how many partitions it has, and how large a message may be. Asked once, then known. */
import type { Cluster } from '../kafka/cluster.ts'
import { topicConfigs, topicsNow } from '../kafka/internal-topics.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'

export interface TopicFact {
  readonly partitions: number
  /** `max.message.bytes`. */
  readonly messageBytesMax: number
}

/** Kafka's own default of `max.message.bytes`. */
const messageBytesMaxByDefault = 1048588

/** The facts of those of `topics` that exist. */
export async function factsOf(cluster: Cluster, topics: readonly string[]): Promise<ReadonlyMap<string, TopicFact>> {
  const found = await topicsNow(cluster, topics)
  const configs = await topicConfigs(cluster, [...found.keys()])
  const messageBytesMax = (topic: string) => configs.get(topic)?.messageBytesMax ?? messageBytesMaxByDefault
  return new Map(
    [...found].map(([topic, { partitions }]) => [
      topic,
      { partitions: partitions.length, messageBytesMax: messageBytesMax(topic) },
    ]),
  )
}

export class TopicFacts {
  readonly #cluster: Cluster
  readonly #facts: Map<string, TopicFact>

  /** `known`: what was found out at the start. */
  constructor(cluster: Cluster, known: ReadonlyMap<string, TopicFact>) {
    this.#cluster = cluster
    this.#facts = new Map(known)
  }

  /** Undefined where the topic was never asked for. */
  partitionsOf(topic: string): number | undefined {
    return this.#facts.get(topic)?.partitions
  }

  messageBytesMax(topic: string): number {
    return this.#facts.get(topic)?.messageBytesMax ?? messageBytesMaxByDefault
  }

  /** Finds the topics that functions of records named for the first time; records for one that does not exist get their policy. */
  async resolve(outputs: OutputBuffer): Promise<void> {
    const unresolved = outputs.unresolvedTopics()
    if (unresolved.length === 0) return
    for (const [topic, fact] of await factsOf(this.#cluster, unresolved)) this.#facts.set(topic, fact)
    for (const topic of unresolved) outputs.resolve(topic, this.partitionsOf(topic))
  }
}
