/** What the in-memory Kafka has beyond a broker: time moved by hand, markers that wait, compaction on demand, leaders that move. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import type { RecordColumns } from '../../../service/kafka/records/record-columns.ts'
import { errorName } from '../../../service/kafka/wire/error-codes.ts'
import { bootstrapNode, type Wire } from '../../../service/kafka/wire/wire.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { MemoryKafka, type MemoryKafkaOptions } from '../../../service/memory/memory-kafka.ts'

const start = (options: Partial<MemoryKafkaOptions> = {}) => {
  const clock = new ManualClock(1_000_000)
  const kafka = new MemoryKafka({ clock, ...options })
  return { clock, kafka, wire: kafka.wire() }
}

/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

interface Sender {
  readonly producerId: number
  readonly producerEpoch: number
}

interface Sent {
  readonly by?: Sender
  readonly transactionalId?: string
  readonly sequence?: number
  readonly compression?: 'none' | 'gzip'
}

/** Produces one batch of `key=value` records (no value: a tombstone) to partition 0; the name of its error, or NONE. */
async function produce(wire: Wire, topic: string, records: readonly string[], sent: Sent = {}, node = 1): Promise<string> {
  const builder = new RecordBatchBuilder(64)
  for (const record of records) {
    const [key = '', value] = record.split('=')
    builder.append(key, value ?? null, 1_000_000)
  }
  const batch = builder.finish({
    producerId: sent.by?.producerId ?? -1,
    producerEpoch: sent.by?.producerEpoch ?? -1,
    firstSequence: sent.by === undefined ? -1 : (sent.sequence ?? 0),
    transactional: sent.transactionalId !== undefined,
    compression: sent.compression ?? 'none',
  })
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch }] }]
  const transactionalId = sent.transactionalId ?? null
  const { responses } = await wire.request(node, 'produce', 'Produce', { transactionalId, acks: -1, timeoutMs: 1_000, topicData })
  return errorName(responses[0]?.partitionResponses[0]?.errorCode ?? -1)
}

const initialise = (wire: Wire, transactionalId: string, transactionTimeoutMs = 10_000) =>
  wire.request(1, 'transaction', 'InitProducerId', { transactionalId, transactionTimeoutMs })

const end = (wire: Wire, transactionalId: string, { producerId, producerEpoch }: Sender, committed = true) =>
  wire.request(1, 'transaction', 'EndTxn', { transactionalId, producerId, producerEpoch, committed })

const shown = (columns: RecordColumns) =>
  Array.from(
    { length: columns.count },
    (_, i) => `${columns.offsets[i]}:${columns.keyLatin1(i)}=${columns.value(i)?.toString() ?? ''}`,
  )

const join = (wire: Wire, purpose: string, memberId: string, sessionTimeoutMs = 10_000) =>
  wire.request(1, purpose, 'JoinGroup', {
    groupId: 'g',
    sessionTimeoutMs,
    rebalanceTimeoutMs: 20_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'p', metadata: Buffer.from('m') }],
  })

describe('transaction markers', () => {
  test('wait until they are told to land, one by one', async () => {
    const { kafka, wire } = start({ markerDelayMs: 'manual' })
    kafka.createTopic('a')
    kafka.createTopic('b')
    const by = await initialise(wire, 't')
    await produce(wire, 'a', ['k=1'], { by, transactionalId: 't' })
    await produce(wire, 'b', ['k=2'], { by, transactionalId: 't' })
    const next = await end(wire, 't', by)
    assert.equal(next.producerEpoch, by.producerEpoch + 1)
    assert.deepEqual(kafka.openTransactions(), [{ transactionalId: 't', producerId: by.producerId, state: 'PrepareCommit' }])
    assert.equal(errorName((await end(wire, 't', by)).errorCode), 'CONCURRENT_TRANSACTIONS')
    assert.equal(errorName((await initialise(wire, 't')).errorCode), 'CONCURRENT_TRANSACTIONS')
    assert.equal(await produce(wire, 'a', ['k=3'], { by: next, transactionalId: 't' }), 'CONCURRENT_TRANSACTIONS')
    assert.ok(kafka.landMarker())
    assert.deepEqual([kafka.lastStableOffset('a', 0), kafka.lastStableOffset('b', 0)], [2, 0])
    assert.ok(kafka.landMarker())
    assert.equal(kafka.landMarker(), false)
    assert.deepEqual(kafka.openTransactions(), [])
    assert.deepEqual(shown(kafka.records('b', 0, 'committed')), ['0:k=2'])
    assert.equal(await produce(wire, 'a', ['k=3'], { by: next, transactionalId: 't' }), 'NONE')
  })

  test('an offset is stable only when the marker of the offsets topic has landed', async () => {
    const { kafka, wire } = start({ markerDelayMs: 'manual' })
    kafka.createTopic('in')
    const by = await initialise(wire, 't')
    const topics = [{ name: 'in', partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }]
    const { producerId, producerEpoch } = by
    await wire.request(1, 'offsets', 'TxnOffsetCommit', { transactionalId: 't', groupId: 'g', producerId, producerEpoch, topics })
    await end(wire, 't', by)
    const fetched = async () => {
      const body = { groupId: 'g', topics: [{ name: 'in', partitionIndexes: [0] }], requireStable: true }
      const answer = await wire.request(1, 'offsets', 'OffsetFetch', body)
      return errorName(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
    }
    assert.equal(await fetched(), 'UNSTABLE_OFFSET_COMMIT')
    assert.deepEqual(kafka.offsets('g'), [])
    kafka.landMarker()
    assert.equal(await fetched(), 'NONE')
    assert.deepEqual(kafka.offsets('g'), [{ group: 'g', topic: 'in', partition: 0, offset: 4, leaderEpoch: -1, metadata: '' }])
  })
})

describe('time', () => {
  test('aborts a transaction that takes too long', async () => {
    const { clock, kafka, wire } = start()
    kafka.createTopic('a')
    const by = await initialise(wire, 't', 5_000)
    await produce(wire, 'a', ['k=1'], { by, transactionalId: 't' })
    clock.advanceMonotonic(4_999)
    await settle()
    assert.equal(kafka.openTransactions().length, 1)
    clock.advanceMonotonic(1)
    await settle()
    assert.deepEqual(kafka.openTransactions(), [])
    assert.equal(kafka.lastStableOffset('a', 0), 2)
    assert.deepEqual(shown(kafka.records('a', 0, 'committed')), [])
  })

  test('throws a silent member out, and a fetch comes back empty', async () => {
    const { clock, kafka, wire } = start()
    kafka.createTopic('a')
    const { memberId } = await join(wire, 'join', '')
    const { generationId } = await join(wire, 'join', memberId)
    await wire.request(1, 'group', 'SyncGroup', { groupId: 'g', generationId, memberId, assignments: [] })
    const beat = async () =>
      errorName((await wire.request(1, 'group', 'Heartbeat', { groupId: 'g', generationId, memberId })).errorCode)
    clock.advanceMonotonic(9_000)
    assert.equal(await beat(), 'NONE')
    clock.advanceMonotonic(9_000)
    assert.equal(await beat(), 'NONE')
    clock.advanceMonotonic(10_000)
    await settle()
    assert.equal(await beat(), 'UNKNOWN_MEMBER_ID')
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
    const body = { maxWaitMs: 500, minBytes: 1, topics: [{ topic: 'a', partitions }], forgottenTopicsData: [] }
    const fetching = wire.request(1, 'fetch', 'Fetch', body)
    await settle()
    clock.advanceMonotonic(500)
    assert.equal((await fetching).responses[0]?.partitions[0]?.records?.length, 0)
  })
})

describe('wires', () => {
  test('one that is closed fails what is under way; its member stays until its session is over', async () => {
    const { clock, kafka, wire } = start()
    const { memberId } = await join(wire, 'join', '')
    const { generationId } = await join(wire, 'join', memberId)
    const other = kafka.wire()
    const second = await join(other, 'join', '')
    const held = join(other, 'join', second.memberId)
    await settle()
    await other.close()
    await assert.rejects(held, { code: 'connection' })
    await assert.rejects(join(other, 'join', ''), { code: 'connection' })
    // The broker holds the JoinGroup of the dead process: it takes part in the rebalance, and its session ends later.
    const rejoined = await join(wire, 'join', memberId)
    assert.equal(rejoined.generationId, generationId + 1)
    assert.equal(rejoined.members.length, 2)
    await wire.request(1, 'group', 'SyncGroup', { groupId: 'g', generationId: generationId + 1, memberId, assignments: [] })
    clock.advanceMonotonic(9_999)
    const beat = () => wire.request(1, 'group', 'Heartbeat', { groupId: 'g', generationId: generationId + 1, memberId })
    assert.equal(errorName((await beat()).errorCode), 'NONE')
    clock.advanceMonotonic(1)
    await settle()
    assert.equal(errorName((await beat()).errorCode), 'REBALANCE_IN_PROGRESS')
  })

  test('a connection answers in order: a request behind one that is held waits for it', async () => {
    const { clock, kafka, wire } = start()
    kafka.createTopic('a')
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
    const body = { maxWaitMs: 500, minBytes: 1, topics: [{ topic: 'a', partitions }], forgottenTopicsData: [] }
    const order: string[] = []
    const fetching = wire.request(1, 'same', 'Fetch', body).then(() => order.push('fetch'))
    const behind = wire.request(1, 'same', 'Metadata', { topics: null }).then(() => order.push('behind'))
    await wire.request(1, 'other', 'Metadata', { topics: null }).then(() => order.push('beside'))
    await settle()
    clock.advanceMonotonic(500)
    await Promise.all([fetching, behind])
    assert.deepEqual(order, ['beside', 'fetch', 'behind'])
  })

  test('a request that is not answered in time fails, and the next goes over a new connection', async () => {
    const { clock, kafka, wire } = start()
    kafka.createTopic('a')
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
    const body = { maxWaitMs: 60_000, minBytes: 1, topics: [{ topic: 'a', partitions }], forgottenTopicsData: [] }
    const fetching = wire.request(1, 'fetch', 'Fetch', body, { timeoutMs: 1_000 })
    const failed = assert.rejects(fetching, { code: 'connection' })
    await settle()
    clock.advanceMonotonic(1_000)
    await failed
    await wire.request(1, 'fetch', 'Metadata', { topics: null })
  })

  test('a node that does not exist', async () => {
    const { wire } = start()
    await assert.rejects(wire.request(4, 'any', 'Metadata', { topics: null }), { code: 'connection' })
  })
})

describe('the cluster', () => {
  test('spreads leaders and coordinators over its nodes', async () => {
    const { kafka, wire } = start({ brokers: 3 })
    kafka.createTopic('a', { partitions: 3 })
    const { topics } = await wire.request(bootstrapNode, 'meta', 'Metadata', { topics: [{ name: 'a' }] })
    assert.deepEqual(topics[0]?.partitions.map(({ leaderId }) => leaderId).toSorted(), [1, 2, 3])
    const coordinatorKeys = ['a', 'b', 'c', 'd', 'e']
    const { coordinators } = await wire.request(bootstrapNode, 'meta', 'FindCoordinator', { keyType: 1, coordinatorKeys })
    assert.equal(new Set(coordinators.map(({ nodeId }) => nodeId)).size, 3)
  })

  test('a leader that moves begins a new epoch', async () => {
    const { kafka, wire } = start({ brokers: 2 })
    kafka.createTopic('a')
    const leader = async () => {
      const { topics } = await wire.request(bootstrapNode, 'meta', 'Metadata', { topics: [{ name: 'a' }] })
      return topics[0]?.partitions[0]
    }
    const first = (await leader())?.leaderId ?? 0
    const other = first === 1 ? 2 : 1
    assert.equal(await produce(wire, 'a', ['k=1'], {}, first), 'NONE')
    kafka.moveLeader('a', 0, other)
    assert.deepEqual([(await leader())?.leaderId, (await leader())?.leaderEpoch], [other, 1])
    assert.equal(await produce(wire, 'a', ['k=2'], {}, first), 'NOT_LEADER_OR_FOLLOWER')
    assert.equal(await produce(wire, 'a', ['k=2'], {}, other), 'NONE')
    const ask = async (leaderEpoch: number) => {
      const partitions = [{ partition: 0, currentLeaderEpoch: 1, leaderEpoch }]
      const answer = await wire.request(other, 'log', 'OffsetForLeaderEpoch', { topics: [{ topic: 'a', partitions }] })
      return answer.topics[0]?.partitions[0]?.endOffset
    }
    assert.deepEqual([await ask(0), await ask(1), await ask(2)], [1, 2, -1])
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: 0, timestamp: -1 }]
    const listed = await wire.request(other, 'log', 'ListOffsets', {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'a', partitions }],
    })
    assert.equal(errorName(listed.topics[0]?.partitions[0]?.errorCode ?? -1), 'FENCED_LEADER_EPOCH')
  })

  test('an unclean election shortens a log, and the end of the epochs before shows where', async () => {
    const { kafka, wire } = start({ brokers: 2 })
    kafka.createTopic('a')
    const [node = 0] = kafka.nodes
    kafka.moveLeader('a', 0, node)
    for (const key of ['k', 'l', 'm']) assert.equal(await produce(wire, 'a', [`${key}=1`], {}, node), 'NONE')
    const ask = async (leaderEpoch: number) => {
      const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }]
      const answer = await wire.request(node, 'log', 'OffsetForLeaderEpoch', { topics: [{ topic: 'a', partitions }] })
      return answer.topics[0]?.partitions[0]?.endOffset
    }
    kafka.truncate('a', 0, 1, node)
    assert.deepEqual([kafka.endOffset('a', 0), await ask(1), await ask(2)], [1, 1, 1])
    for (const key of ['n', 'o', 'p']) assert.equal(await produce(wire, 'a', [`${key}=1`], {}, node), 'NONE')
    assert.deepEqual([kafka.endOffset('a', 0), await ask(1), await ask(2)], [4, 1, 4])
    const keys = kafka.records('a', 0, 'uncommitted')
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => keys.key(i)?.toString()),
      ['k', 'n', 'o', 'p'],
    )
  })

  test('forgets transactional ids and offsets when told to', async () => {
    const { kafka, wire } = start()
    kafka.createTopic('a')
    const by = await initialise(wire, 't')
    kafka.expireTransactionalId('t')
    assert.equal(await produce(wire, 'a', ['k=1'], { by, transactionalId: 't' }), 'INVALID_PRODUCER_ID_MAPPING')
    const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }]
    await wire.request(1, 'offsets', 'OffsetCommit', { groupId: 'g', memberId: '', topics })
    assert.equal(kafka.offsets('g').length, 1)
    kafka.expireOffsets('g')
    assert.equal(kafka.offsets('g').length, 0)
  })
})

describe('compaction', () => {
  test('leaves the newest record of each key where it was, across codecs and transactions', async () => {
    const { kafka, wire } = start()
    kafka.createTopic('a', { configs: { 'cleanup.policy': 'compact' } })
    const by = await initialise(wire, 't')
    await produce(wire, 'a', ['x=1', 'y=1', 'x=2'], { compression: 'gzip' })
    await produce(wire, 'a', ['y=aborted'], { by, transactionalId: 't' })
    const next = await end(wire, 't', by, false)
    await produce(wire, 'a', ['x=3', 'z=1', 'w'])
    await produce(wire, 'a', ['z=open'], { by: next, transactionalId: 't' })
    kafka.compact('a')
    assert.deepEqual(shown(kafka.records('a', 0, 'uncommitted')), ['1:y=1', '5:x=3', '6:z=1', '7:w=', '8:z=open'])
    assert.deepEqual(shown(kafka.records('a', 0, 'committed')), ['1:y=1', '5:x=3', '6:z=1', '7:w='])
    kafka.compact('a', { dropTombstones: true })
    assert.deepEqual(shown(kafka.records('a', 0, 'committed')), ['1:y=1', '5:x=3', '6:z=1'])
    assert.equal(kafka.endOffset('a', 0), 9)
    assert.equal(kafka.lastStableOffset('a', 0), 8)
  })
})

describe('the last epochs of a producer id', () => {
  test('EndTxn answers with a new producer id, and says so again', async () => {
    const { kafka, wire } = start({ firstProducerEpoch: 32_766 })
    kafka.createTopic('a')
    const by = await initialise(wire, 't')
    assert.equal(by.producerEpoch, 32_766)
    await produce(wire, 'a', ['k=1'], { by, transactionalId: 't' })
    const next = await end(wire, 't', by)
    assert.notEqual(next.producerId, by.producerId)
    assert.equal(next.producerEpoch, 0)
    assert.deepEqual(await end(wire, 't', by), next)
    const { producerId, producerEpoch } = by
    const recovered = await wire.request(1, 'transaction', 'InitProducerId', {
      transactionalId: 't',
      transactionTimeoutMs: 10_000,
      producerId,
      producerEpoch,
    })
    assert.deepEqual([recovered.producerId, recovered.producerEpoch], [next.producerId, 0])
    assert.equal(await produce(wire, 'a', ['k=2'], { by: next, transactionalId: 't' }), 'NONE')
    await end(wire, 't', next)
    assert.deepEqual(shown(kafka.records('a', 0, 'committed')), ['0:k=1', '2:k=2'])
  })
  test('one before the last, an initialisation that missed an answer is refused for ever; EndTxn again is not', async () => {
    const { kafka, wire } = start({ firstProducerEpoch: 32_765 })
    kafka.createTopic('a')
    const by = await initialise(wire, 't')
    await produce(wire, 'a', ['k=1'], { by, transactionalId: 't' })
    const next = await end(wire, 't', by)
    assert.equal(next.producerEpoch, 32_766)
    const { producerId, producerEpoch } = by
    const body = { transactionalId: 't', transactionTimeoutMs: 10_000, producerId, producerEpoch }
    const recovered = await wire.request(1, 'transaction', 'InitProducerId', body)
    assert.equal(errorName(recovered.errorCode), 'UNKNOWN_SERVER_ERROR')
    assert.deepEqual(await end(wire, 't', by), next)
    assert.equal((await initialise(wire, 't')).producerEpoch, 0)
  })
})
