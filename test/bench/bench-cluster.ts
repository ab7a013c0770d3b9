/** The broker of the benchmark: topics made and emptied, and input that becomes visible all at once. */
import { systemClock } from '../../service/clock.ts'
import { Cluster } from '../../service/kafka/cluster.ts'
import { askCoordinator } from '../../service/kafka/coordinator-request.ts'
import { deleteRecordsBefore } from '../../service/kafka/internal-topics.ts'
import { fetchStableOffsets, listOffsets, partitionKey } from '../../service/kafka/offsets.ts'
import { type FinishedBatch, sendBatches } from '../../service/kafka/produce-requests.ts'
import type { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { KafkaWire } from '../../service/kafka/wire/kafka-wire.ts'
import { bootstrapNode, type Wire } from '../../service/kafka/wire/wire.ts'
import type { Log } from '../../service/log.ts'
import { type PartitionRecords, partitions } from './input.ts'

export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const purpose = 'bench'
const timeoutMs = 60_000
const limits = { withinMs: timeoutMs }
const brokerDefault = -1
/** Nothing is deleted but what the benchmark itself deletes, and that soon. */
const configs = { 'retention.ms': '-1', 'segment.bytes': '67108864', 'file.delete.delay.ms': '1000' }

/** Where a partition ends, by number. */
export type Ends = readonly number[]

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

export class BenchCluster {
  readonly wire: Wire
  readonly cluster: Cluster

  constructor(brokers: readonly string[]) {
    this.wire = new KafkaWire({ brokers: [...brokers], clientId: 'bench', log: silent })
    this.cluster = new Cluster(this.wire, systemClock)
  }

  async createTopics(names: readonly string[]): Promise<void> {
    await this.cluster.connect()
    const topics = names.map((name) => ({
      name,
      numPartitions: partitions,
      replicationFactor: brokerDefault,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    }))
    await this.wire.request(bootstrapNode, purpose, 'CreateTopics', { topics, timeoutMs })
    const until = systemClock.monotonic() + timeoutMs
    while (!(await this.#allLed(names))) {
      if (systemClock.monotonic() > until) throw new Error(`topics ${names.join(', ')} have no leader after ${timeoutMs} ms`)
      await systemClock.sleep(50)
    }
    // Metadata names a leader before the leader itself knows: an answer about the ends comes from one that does.
    for (const name of names) await this.ends(name)
  }

  /** Writes events in a transaction that stays open: readers of committed records see none of them before `release`. */
  async write(
    topic: string,
    events: readonly PartitionRecords[],
  ): Promise<{ readonly ends: Ends; readonly release: () => Promise<void> }> {
    const transactionalId = `bench-${topic}`
    const identity = await this.#initProducerId(transactionalId)
    const first = await this.ends(topic)
    const batches = events.flatMap(({ partition, batches: ofPartition }) => finished(topic, partition, ofPartition, identity))
    const options = { cluster: this.cluster, transactionalId, timeoutMs, guard: () => {}, limits }
    await sendBatches(
      batches.map((batch, index) => ({ ...batch, index })),
      options,
    )
    return {
      ends: events.map(({ partition, count }) => (first[partition] ?? 0) + count),
      release: () => this.#commit(transactionalId, identity),
    }
  }

  /** What has been written, committed or not. */
  async ends(topic: string): Promise<Ends> {
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    const found = await listOffsets(this.cluster, all, 'latest', 'read_uncommitted')
    return all.map(({ partition }) => found.get(partitionKey(topic, partition))?.offset ?? 0)
  }

  /** Deletes all records, so that runs do not fill the disk. */
  async empty(topic: string): Promise<void> {
    const ends = await this.ends(topic)
    await deleteRecordsBefore(
      this.cluster,
      ends.map((offset, partition) => ({ topic, partition, offset })),
    )
  }

  /** Resolves when the group has committed up to `ends`. */
  async committed(group: string, topic: string, ends: Ends, everyMs: number): Promise<void> {
    const all = ends.map((_, partition) => ({ topic, partition }))
    const reached = (offsets: Awaited<ReturnType<typeof fetchStableOffsets>>) =>
      offsets !== 'unstable' && ends.every((end, partition) => (offsets.get(partitionKey(topic, partition))?.offset ?? -1) >= end)
    while (!reached(await fetchStableOffsets(this.cluster, group, all))) await systemClock.sleep(everyMs)
  }

  close(): Promise<void> {
    return this.wire.close()
  }

  async #allLed(names: readonly string[]): Promise<boolean> {
    const found = await this.cluster.topics(names)
    return names.every((name) => found.get(name)?.partitions.every(({ leader }) => leader >= 0) ?? false)
  }

  async #initProducerId(transactionalId: string): Promise<Identity> {
    const answer = await askCoordinator(this.cluster, {
      kind: 'transaction',
      key: transactionalId,
      purpose,
      api: 'InitProducerId',
      body: { transactionalId, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1 },
      codeOf: ({ errorCode }) => errorCode,
      unanswered: 'repeat',
      limits,
    })
    if (answer.errorCode !== 0) throw new Error(`InitProducerId: error ${answer.errorCode}`)
    return answer
  }

  async #commit(transactionalId: string, { producerId, producerEpoch }: Identity): Promise<void> {
    const answer = await askCoordinator(this.cluster, {
      kind: 'transaction',
      key: transactionalId,
      purpose,
      api: 'EndTxn',
      body: { transactionalId, producerId, producerEpoch, committed: true },
      codeOf: ({ errorCode }) => errorCode,
      unanswered: 'throw',
      limits,
    })
    if (answer.errorCode !== 0) throw new Error(`EndTxn: error ${answer.errorCode}`)
  }
}

function finished(
  topic: string,
  partition: number,
  batches: readonly RecordBatchBuilder[],
  { producerId, producerEpoch }: Identity,
): Omit<FinishedBatch, 'index'>[] {
  let firstSequence = 0
  return batches.map((builder) => {
    const bytes = builder.finish({ producerId, producerEpoch, firstSequence, transactional: true, compression: 'none' })
    firstSequence += builder.count
    return { topic, partition, bytes }
  })
}
