/** Topics, offsets and groups as a test asks Kafka for them, by stock kafkajs. */
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { kafkaLogins } from './logins.ts'
import { until } from './processes.ts'

export interface GroupState {
  readonly state: string
  readonly memberIds: readonly string[]
}

export class KafkaAdmin {
  readonly #admin: Admin

  constructor(brokers: readonly string[]) {
    const client = { brokers: [...brokers], clientId: 'test-admin', logLevel: logLevel.NOTHING }
    this.#admin = new Kafka({ ...client, ...kafkaLogins }).admin()
  }

  connect(): Promise<void> {
    return this.#admin.connect()
  }

  close(): Promise<void> {
    return this.#admin.disconnect()
  }

  /** Of each topic its number of partitions, replicated as the brokers do by default. Returns when all have their leaders. */
  async createTopics(topics: Readonly<Record<string, number>>): Promise<void> {
    const wanted = Object.entries(topics).map(([topic, numPartitions]) => ({ topic, numPartitions, replicationFactor: -1 }))
    // Stock kafkajs waits for leaders too, and gives up where it asks a broker that has not heard of the topic yet.
    await this.#admin.createTopics({ topics: wanted, waitForLeaders: false })
    const names = Object.keys(topics)
    await until(async () => {
      const found = await answerOf(this.#admin.fetchTopicMetadata({ topics: names }), { topics: [] })
      return (
        found.topics.length === names.length &&
        found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))
      )
    }, 'the topics have leaders')
  }

  deleteTopics(topics: readonly string[]): Promise<void> {
    return this.#admin.deleteTopics({ topics: [...topics] })
  }

  async topics(): Promise<readonly string[]> {
    return this.#admin.listTopics()
  }

  /** The next offset of each partition; empty while a leader has no answer. */
  async ends(topic: string): Promise<readonly number[]> {
    const offsets = await answerOf(this.#admin.fetchTopicOffsets(topic), [])
    return offsets.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
  }

  /** What the group has committed of each partition, −1 for nothing; empty while its coordinator has no answer. */
  async committed(groupId: string, topic: string): Promise<readonly number[]> {
    const [found] = await answerOf(this.#admin.fetchOffsets({ groupId, topics: [topic] }), [])
    return (found?.partitions ?? []).toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
  }

  /** How many records of the topic the group has left behind, all partitions together. */
  async processed(groupId: string, topic: string): Promise<number> {
    return (await this.committed(groupId, topic)).reduce((sum, offset) => sum + Math.max(0, offset), 0)
  }

  async drained(groupId: string, topic: string): Promise<boolean> {
    const [committed, ends] = await Promise.all([this.committed(groupId, topic), this.ends(topic)])
    return ends.length > 0 && ends.every((end, partition) => end === 0 || committed[partition] === end)
  }

  async group(groupId: string): Promise<GroupState> {
    const { groups } = await answerOf(this.#admin.describeGroups([groupId]), { groups: [] })
    return { state: groups[0]?.state ?? 'Dead', memberIds: (groups[0]?.members ?? []).map(({ memberId }) => memberId) }
  }
}

/** A broker that has just started loads its groups first, and the leader of a new topic learns of it last. */
async function answerOf<T>(request: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (error instanceof Error && 'retriable' in error && error.retriable === true) return otherwise
    // The stock client has repeated what may be repeated, for as long as it likes.
    if (error instanceof Error && error.name === 'KafkaJSNumberOfRetriesExceeded') return otherwise
    throw error
  }
}
