/** The Kafka of `dev` and `feed` as the generator and the screen use it: topics made, records appended, newest rows read. */
import type { Clock } from '../clock.ts'
import { FatalError } from '../errors.ts'
import { Cluster, kafkaError } from '../kafka/cluster.ts'
import { listOffsets } from '../kafka/offsets.ts'
import { byTopic } from '../kafka/partition-key.ts'
import { partitionForKey } from '../kafka/records/murmur2.ts'
import { outsideTransactions, RecordBatchBuilder } from '../kafka/records/record-batch-builder.ts'
import { errorCode, errorName } from '../kafka/wire/error-codes.ts'
import { bootstrapNode, type NodeId, type Wire } from '../kafka/wire/wire.ts'

export interface KeyedText {
  readonly key: string
  readonly value: string
  /** Ms since 1970. */
  readonly timestamp: number
}

interface Batch {
  readonly topic: string
  readonly partition: number
  readonly records: Buffer
  readonly count: number
}

/** Of topics that `dev` and `feed` create. */
export const devPartitions = 4

const purpose = 'dev'
const produceTimeoutMs = 10_000
const topicTimeoutMs = 30_000
const brokerDefault = -1
/** Made-up purchases are weeks old from the first, and retention goes by the timestamps of records. */
const keepForever = { name: 'retention.ms', value: '-1' }

export class DevKafka {
  readonly cluster: Cluster
  readonly wire: Wire
  readonly #clock: Clock
  readonly #partitions = new Map<string, number>()

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire
    this.#clock = clock
    this.cluster = new Cluster(wire, clock)
  }

  /** Creates those of `topics` that are missing, and resolves with their names when all can be written to. @throws FatalError */
  async ensureTopics(topics: readonly string[], partitions: number): Promise<readonly string[]> {
    const present = await this.cluster.topics(topics)
    const missing = topics.filter((topic) => !present.has(topic))
    if (missing.length > 0) await this.#create(missing, partitions)
    const until = this.#clock.monotonic() + topicTimeoutMs
    while (!(await this.#allLed(topics))) {
      if (this.#clock.monotonic() > until)
        throw new FatalError(`topics ${topics.join(', ')} have no leader after ${topicTimeoutMs} ms`)
      await this.#clock.sleep(50)
    }
    return missing
  }

  /** Appends records to the partitions of their keys; resolves with how many were acknowledged. @throws KafkaError, ConnectionError */
  async append(topic: string, records: readonly KeyedText[]): Promise<number> {
    if (records.length === 0) return 0
    const byLeader = new Map<NodeId, Batch[]>()
    for (const batch of this.#batches(topic, records)) {
      const { node } = await this.cluster.leader(topic, batch.partition)
      byLeader.set(node, [...(byLeader.get(node) ?? []), batch])
    }
    const counts = await Promise.all([...byLeader].map(([node, batches]) => this.#produce(node, batches)))
    return counts.reduce((total, count) => total + count, 0)
  }

  /** The greatest timestamp of a topic's records, ms since 1970; −1 where there are none, and for a topic that was not made sure of. */
  async newestTimestamp(topic: string): Promise<number> {
    const partitions = Array.from({ length: this.#partitions.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
    const found = await listOffsets(this.cluster, partitions, 'newest', 'read_uncommitted')
    return Math.max(-1, ...[...found.values()].map(({ timestamp }) => timestamp))
  }

  close(): Promise<void> {
    return this.wire.close()
  }

  async #create(names: readonly string[], partitions: number): Promise<void> {
    const topics = names.map((name) => ({
      name,
      numPartitions: partitions,
      replicationFactor: brokerDefault,
      assignments: [],
      configs: [keepForever],
    }))
    const answer = await this.wire.request(bootstrapNode, purpose, 'CreateTopics', { topics, timeoutMs: topicTimeoutMs })
    for (const { name, errorCode: code, errorMessage } of answer.topics) {
      if (code === errorCode.NONE || code === errorCode.TOPIC_ALREADY_EXISTS) continue
      throw new FatalError(`topic ${name} could not be created: ${errorMessage ?? errorName(code)}`, {
        fields: { topic: name, code },
      })
    }
  }

  async #allLed(topics: readonly string[]): Promise<boolean> {
    const found = await this.cluster.topics(topics)
    for (const [name, { partitions }] of found) this.#partitions.set(name, partitions.length)
    return topics.every((topic) => found.get(topic)?.partitions.every(({ leader }) => leader >= 0) ?? false)
  }

  #batches(topic: string, records: readonly KeyedText[]): Batch[] {
    const builders = new Map<number, RecordBatchBuilder>()
    for (const { key, value, timestamp } of records) {
      const bytes = Buffer.from(key)
      const partition = partitionForKey(bytes, this.#partitions.get(topic) ?? 1)
      const builder = builders.get(partition) ?? new RecordBatchBuilder()
      builders.set(partition, builder)
      builder.append(bytes, value, timestamp)
    }
    const finished = (builder: RecordBatchBuilder) => ({ records: builder.finish(outsideTransactions), count: builder.count })
    return [...builders].map(([partition, builder]) => ({ topic, partition, ...finished(builder) }))
  }

  async #produce(node: NodeId, batches: readonly Batch[]): Promise<number> {
    const topicData = byTopic(batches, ({ partition, records }) => ({ index: partition, records })).map(
      ({ name, partitions }) => ({
        name,
        partitionData: partitions,
      }),
    )
    const body = { transactionalId: null, acks: -1, timeoutMs: produceTimeoutMs, topicData }
    const answer = await this.wire.request(node, purpose, 'Produce', body)
    for (const { name: topic, partitionResponses } of answer.responses) {
      for (const { index: partition, errorCode: code } of partitionResponses) {
        if (code === errorCode.NONE) continue
        this.cluster.invalidate(topic)
        throw kafkaError('Produce', code, { topic, partition })
      }
    }
    return batches.reduce((total, { count }) => total + count, 0)
  }
}
