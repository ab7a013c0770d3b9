/** What the conformance tests do with a wire: find nodes, make topics, produce, read, run transactions, join groups. */
import assert from 'node:assert/strict'
import { systemClock } from '../../service/clock.ts'
import { readBatchHeader } from '../../service/kafka/records/batch-header.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { protocolOf, type TransactionProtocol, versionMaxOf } from '../../service/kafka/wire/transaction-protocol.ts'
import { errorCode, errorName } from '../../service/kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import { bootstrapNode, type NodeId, type Wire } from '../../service/kafka/wire/wire.ts'

/** A Kafka to be tested: many clients, each with a wire of its own. */
export interface KafkaUnderTest {
  wire(clientId?: string): Wire
  close(): Promise<void>
}

export interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface BatchOptions {
  readonly by?: Identity
  readonly sequence?: number
  readonly transactional?: boolean
  readonly timestamp?: number
  readonly compression?: 'none' | 'gzip'
}

/** One batch; each value is a record, with the key `k` unless it says `key=value`. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder(256)
  for (const value of values) {
    const [key = '', rest] = value.split('=')
    builder.append(rest === undefined ? 'k' : key, rest ?? value, options.timestamp ?? systemClock.now())
  }
  const finished = builder.finish({
    producerId: options.by?.producerId ?? -1,
    producerEpoch: options.by?.producerEpoch ?? -1,
    firstSequence: options.sequence ?? (options.by === undefined ? -1 : 0),
    transactional: options.transactional ?? false,
    compression: options.compression ?? 'none',
  })
  return Buffer.from(finished)
}

/** Names that no other test has. */
export const fresh = (what: string): string => `${what}-${systemClock.id().replaceAll(/[-_]/g, 'x')}`

/** Asks until there is an answer; gives up after `timeoutMs`. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 10_000): Promise<T> {
  const deadline = systemClock.monotonic() + timeoutMs
  while (systemClock.monotonic() < deadline) {
    const found = await probe()
    if (found !== undefined) return found
    await systemClock.sleep(5)
  }
  throw new Error(`did not happen in ${timeoutMs} ms: ${what}`)
}

/** Compares an error code with the one of that name. */
export function expectError(code: number | undefined, name: keyof typeof errorCode): void {
  assert.equal(code === undefined ? 'no answer' : errorName(code), name)
}

const transient = new Set<number>([
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.COORDINATOR_NOT_AVAILABLE,
  errorCode.NOT_COORDINATOR,
])
/** What a producer repeats the very same request for. */
const busy = new Set<number>([...transient, errorCode.CONCURRENT_TRANSACTIONS, errorCode.NOT_ENOUGH_REPLICAS])

export class WireClient {
  readonly wire: Wire
  #protocol: Promise<TransactionProtocol> | undefined

  constructor(wire: Wire) {
    this.wire = wire
  }

  async ask<A extends Api>(api: A, body: RequestOf<A>, node: NodeId = bootstrapNode, purpose = 'test'): Promise<AnswerOf<A>> {
    const versionMax = api === 'ApiVersions' ? undefined : versionMaxOf(await this.protocol(), api)
    return this.wire.request(node, purpose, api, body, { versionMax })
  }

  /** The one that the cluster has agreed on. */
  protocol(): Promise<TransactionProtocol> {
    this.#protocol ??= this.ask('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' }).then(protocolOf)
    return this.#protocol
  }

  // Nodes and topics

  async leader(topic: string, partition = 0): Promise<NodeId> {
    return eventually(`leader of ${topic}`, async () => {
      const { topics } = await this.ask('Metadata', { topics: [{ name: topic }], allowAutoTopicCreation: false })
      const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
      return found !== undefined && found.errorCode === 0 && found.leaderId >= 0 ? found.leaderId : undefined
    })
  }

  async coordinator(kind: 'group' | 'transaction', key: string): Promise<NodeId> {
    return eventually(`coordinator of ${kind} ${key}`, async () => {
      const { coordinators } = await this.ask('FindCoordinator', { keyType: kind === 'group' ? 0 : 1, coordinatorKeys: [key] })
      return coordinators[0]?.errorCode === 0 ? coordinators[0].nodeId : undefined
    })
  }

  async createTopic(partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = fresh('topic')
    const settings = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
    const topic = { name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: settings }
    const { topics } = await this.ask('CreateTopics', { topics: [topic], timeoutMs: 10_000 })
    expectError(topics[0]?.errorCode, 'NONE')
    for (let partition = 0; partition < partitions; partition++) {
      const node = await this.leader(name, partition)
      await eventually(`leader of ${name} leads`, async () => {
        const { topics: listed } = await this.ask('ListOffsets', listOffsetsBody(name, partition, -1, 0), node)
        return listed[0]?.partitions[0]?.errorCode === 0 ? true : undefined
      })
    }
    return name
  }

  // Records

  /** Produces one batch once, whatever the answer. */
  async tryProduce(topic: string, partition: number, records: Buffer, transactionalId: string | null = null) {
    const node = await this.leader(topic, partition)
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
    const answer = await this.ask('Produce', { transactionalId, acks: -1, timeoutMs: 5_000, topicData }, node)
    const produced = answer.responses[0]?.partitionResponses[0]
    assert.ok(produced)
    return produced
  }

  /** Produces one batch, again while the last transaction is being completed; returns the answer, which is not judged. */
  async produceAnyhow(topic: string, partition: number, records: Buffer, transactionalId: string | null = null) {
    return eventually(`produce to ${topic}`, async () => {
      const produced = await this.tryProduce(topic, partition, records, transactionalId)
      return busy.has(produced.errorCode) ? undefined : produced
    })
  }

  /** Produces one batch, which has to succeed, into the open transaction or the next one; returns its base offset. */
  async produce(topic: string, partition: number, records: Buffer, transactionalId: string | null = null): Promise<number> {
    if (transactionalId !== null && (await this.protocol()) === 1) {
      const codes = await this.addPartitions(transactionalId, readBatchHeader(records, 0), [topic], partition)
      for (const code of codes) expectError(code, 'NONE')
    }
    const produced = await this.produceAnyhow(topic, partition, records, transactionalId)
    expectError(produced.errorCode, 'NONE')
    return produced.baseOffset
  }

  async fetch(topic: string, offset: number, options: Partial<FetchOptions> = {}) {
    const node = await this.leader(topic, options.partition ?? 0)
    const answer = await this.ask('Fetch', fetchBody(topic, offset, options), node)
    const fetched = answer.responses[0]?.partitions[0]
    assert.ok(fetched)
    return fetched
  }

  /** The values that a reader sees from `offset` to the end that its isolation has. */
  async read(topic: string, isolation: 'committed' | 'uncommitted', offset = 0, partition = 0): Promise<string[]> {
    const end = await this.offsetAt(topic, -1, isolation, partition)
    const values: string[] = []
    let position = offset
    while (position < end) {
      const fetched = await this.fetch(topic, position, { partition, isolation })
      expectError(fetched.errorCode, 'NONE')
      const records = fetched.records ?? Buffer.alloc(0)
      const aborted = isolation === 'committed' ? (fetched.abortedTransactions ?? []) : null
      const { columns, nextOffset } = decodeRecords(records, 0, records.length, position, aborted)
      for (let i = 0; i < columns.count; i++) values.push(columns.value(i)?.toString() ?? 'null')
      assert.ok(nextOffset > position, `no progress at ${position} of ${end}`)
      position = nextOffset
    }
    return values
  }

  /** ListOffsets: -1 is the end, -2 the start. */
  async offsetAt(topic: string, timestamp: number, isolation: 'committed' | 'uncommitted', partition = 0): Promise<number> {
    const node = await this.leader(topic, partition)
    const body = listOffsetsBody(topic, partition, timestamp, isolation === 'committed' ? 1 : 0)
    const { topics } = await this.ask('ListOffsets', body, node)
    expectError(topics[0]?.partitions[0]?.errorCode, 'NONE')
    return topics[0]?.partitions[0]?.offset ?? Number.NaN
  }

  /** Waits until no transaction is open on the partition. */
  async settled(topic: string, partition = 0): Promise<void> {
    await eventually(`${topic} has no open transaction`, async () => {
      const end = await this.offsetAt(topic, -1, 'uncommitted', partition)
      return (await this.offsetAt(topic, -1, 'committed', partition)) === end ? true : undefined
    })
  }

  // Transactions

  /** InitProducerId once, whatever the answer. */
  async tryInitialise(transactionalId: string, expected?: Identity, timeoutMs = 60_000) {
    const node = await this.coordinator('transaction', transactionalId)
    const body = { transactionalId, transactionTimeoutMs: timeoutMs, ...(expected ?? { producerId: -1, producerEpoch: -1 }) }
    return this.ask('InitProducerId', body, node)
  }

  /** InitProducerId, again while a transaction is being completed. */
  async initialiseAnyhow(transactionalId: string, expected?: Identity, timeoutMs?: number) {
    return eventually(`initialise ${transactionalId}`, async () => {
      const answer = await this.tryInitialise(transactionalId, expected, timeoutMs)
      return busy.has(answer.errorCode) ? undefined : answer
    })
  }

  async initialise(transactionalId: string, expected?: Identity, timeoutMs?: number): Promise<Identity> {
    const { errorCode: code, producerId, producerEpoch } = await this.initialiseAnyhow(transactionalId, expected, timeoutMs)
    expectError(code, 'NONE')
    return { producerId, producerEpoch }
  }

  /** AddPartitionsToTxn, again while a transaction is being completed; the error of each topic's partition. */
  async addPartitions(id: string, by: Identity, topics: readonly string[], partition = 0): Promise<readonly number[]> {
    const node = await this.coordinator('transaction', id)
    return eventually(`add partitions to ${id}`, async () => {
      const answer = await this.ask(
        'AddPartitionsToTxn',
        {
          v3AndBelowTransactionalId: id,
          v3AndBelowProducerId: by.producerId,
          v3AndBelowProducerEpoch: by.producerEpoch,
          v3AndBelowTopics: topics.map((name) => ({ name, partitions: [partition] })),
        },
        node,
      )
      const results = answer.resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition)
      const codes = results.map(({ partitionErrorCode }) => partitionErrorCode)
      return codes.some((code) => busy.has(code)) ? undefined : codes
    })
  }

  async endAnyhow(transactionalId: string, identity: Identity, committed: boolean) {
    const node = await this.coordinator('transaction', transactionalId)
    return eventually(`end ${transactionalId}`, async () => {
      const { producerId, producerEpoch } = identity
      const answer = await this.ask('EndTxn', { transactionalId, producerId, producerEpoch, committed }, node)
      return busy.has(answer.errorCode) ? undefined : answer
    })
  }

  /** EndTxn, which has to succeed; returns the identity for the next transaction. */
  async end(transactionalId: string, identity: Identity, committed: boolean): Promise<Identity> {
    const { errorCode: code, producerId, producerEpoch } = await this.endAnyhow(transactionalId, identity, committed)
    expectError(code, 'NONE')
    return (await this.protocol()) === 1 ? identity : { producerId, producerEpoch }
  }

  // Groups and offsets

  /** Sends a request to a group's coordinator, again while that is being found or loaded. */
  async askGroup<A extends GroupApi>(groupId: string, api: A, body: RequestOf<A>, purpose = 'group'): Promise<AnswerOf<A>> {
    const node = await this.coordinator('group', groupId)
    return eventually(`${api} of ${groupId}`, async () => {
      const answer = await this.ask(api, body, node, purpose)
      return transient.has(firstError(answer)) ? undefined : answer
    })
  }

  /** TxnOffsetCommit of one offset, into the open transaction or the next one; the error of the partition. */
  async commitInTransaction(commit: TransactionalCommit): Promise<number> {
    const { transactionalId, by, groupId, topic, offset, member } = commit
    // What is refused here is refused there too.
    if ((await this.protocol()) === 1) await this.addOffsets(transactionalId, by, groupId)
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: commit.metadata ?? '' }]
    return eventually(`commit of ${groupId}`, async () => {
      const answer = await this.askGroup(groupId, 'TxnOffsetCommit', {
        transactionalId,
        groupId,
        producerId: by.producerId,
        producerEpoch: by.producerEpoch,
        generationId: member?.generationId ?? -1,
        memberId: member?.memberId ?? '',
        groupInstanceId: member?.groupInstanceId ?? null,
        topics: [{ name: topic, partitions }],
      })
      const code = firstError(answer)
      return busy.has(code) ? undefined : code
    })
  }

  /** AddOffsetsToTxn, again while a transaction is being completed; the error. */
  async addOffsets(transactionalId: string, by: Identity, groupId: string): Promise<number> {
    const node = await this.coordinator('transaction', transactionalId)
    return eventually(`add offsets to ${transactionalId}`, async () => {
      const { producerId, producerEpoch } = by
      const body = { transactionalId, producerId, producerEpoch, groupId }
      const { errorCode: code } = await this.ask('AddOffsetsToTxn', body, node)
      return busy.has(code) ? undefined : code
    })
  }

  /** OffsetFetch of partition 0: the offset, -1 for none, or 'unstable'. */
  async committedOffset(groupId: string, topic: string, requireStable = true): Promise<number | 'unstable'> {
    const topics = [{ name: topic, partitionIndexes: [0] }]
    const answer = await this.askGroup(groupId, 'OffsetFetch', { groupId, topics, requireStable })
    const fetched = answer.topics[0]?.partitions[0]
    return fetched?.errorCode === errorCode.UNSTABLE_OFFSET_COMMIT ? 'unstable' : (fetched?.committedOffset ?? Number.NaN)
  }

  async stableOffset(groupId: string, topic: string): Promise<number> {
    return eventually(`stable offset of ${groupId}`, async () => {
      const offset = await this.committedOffset(groupId, topic)
      return offset === 'unstable' ? undefined : offset
    })
  }
}

export interface FetchOptions {
  readonly partition: number
  readonly isolation: 'committed' | 'uncommitted'
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly currentLeaderEpoch: number
}

export interface MemberIdentity {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId?: string | null
}

export interface TransactionalCommit {
  readonly transactionalId: string
  readonly by: Identity
  readonly groupId: string
  readonly topic: string
  readonly offset: number
  readonly member?: MemberIdentity
  readonly metadata?: string
}

type GroupApi =
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'TxnOffsetCommit'
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'DescribeGroups'
  | 'DeleteGroups'

export function fetchBody(topic: string, offset: number, options: Partial<FetchOptions> = {}): RequestOf<'Fetch'> {
  const partition = {
    partition: options.partition ?? 0,
    fetchOffset: offset,
    partitionMaxBytes: options.partitionMaxBytes ?? 1_048_576,
    currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
  }
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 8_388_608,
    isolationLevel: options.isolation === 'committed' ? 1 : 0,
    topics: [{ topic, partitions: [partition] }],
    forgottenTopicsData: [],
  }
}

export function listOffsetsBody(topic: string, partition: number, timestamp: number, isolation: 0 | 1): RequestOf<'ListOffsets'> {
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }]
  return { replicaId: -1, isolationLevel: isolation, topics: [{ name: topic, partitions }] }
}

/** The first error in an answer of a group coordinator: its own, or a partition's. */
export function firstError(answer: object): number {
  if ('errorCode' in answer && typeof answer.errorCode === 'number' && answer.errorCode !== 0) return answer.errorCode
  const partitions = 'topics' in answer && Array.isArray(answer.topics) ? answer.topics.flatMap((topic) => topic.partitions) : []
  const codes: readonly number[] = partitions.map((partition) => partition.errorCode)
  return codes.find((code) => code !== 0) ?? 0
}
