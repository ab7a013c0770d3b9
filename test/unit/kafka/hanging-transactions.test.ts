import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FencedError, RetakeError } from '../../../service/errors.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { GroupMember } from '../../../service/kafka/group-member.ts'
import {
  fenceTransaction,
  groupOffsetsPartition,
  positiveHash,
  openTransactions,
} from '../../../service/kafka/hanging-transactions.ts'
import { commitOffsets, fetchStableOffsets, listOffsets, partitionKey } from '../../../service/kafka/offsets.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { silentLog } from '../../../service/log.ts'
import type { Membership } from '../../../service/runtime/seam.ts'
import { Bed, batch, eventually } from './bed.ts'

describe('offsets and hanging transactions', () => {
  let bed: Bed
  let topic: string
  let member: GroupMember
  let membership: Membership
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
    topic = await bed.topic('input', 2)
    const { cluster, clock } = bed
    membership = await new Promise((resolve, reject) => {
      member = new GroupMember({
        cluster,
        clock,
        groupId: bed.id,
        instanceId: null,
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 6_000,
        heartbeatIntervalMs: 500,
        transactionalIds: [bed.id],
        fingerprint: 'f',
        topics: [topic],
        taskPartitions: () => [],
        allTasks: () => [],
        purpose: 'member',
        log: silentLog,
        events: {
          assigned: (given) => resolve(given.membership),
          generation: () => {},
          revoke: () => Promise.resolve(),
          lost: () => {},
          fatal: reject,
        },
      })
      void member.join()
    })
  })
  after(async () => {
    await member.leave()
    await bed.close()
  })
  const stable = () =>
    fetchStableOffsets(bed.cluster, bed.id, [
      { topic, partition: 0 },
      { topic, partition: 1 },
    ])

  test('P11: start positions are committed as a member, with metadata and leader epoch', async () => {
    const none = await stable()
    assert.ok(none !== 'unstable')
    assert.deepEqual(none.get(partitionKey(topic, 1)), { offset: -1, metadata: '', leaderEpoch: -1 })
    await commitOffsets(bed.cluster, bed.id, membership, [{ topic, partition: 1, offset: 4, leaderEpoch: 0, metadata: 'start' }])
    const found = await stable()
    assert.ok(found !== 'unstable')
    assert.deepEqual(found.get(partitionKey(topic, 1)), { offset: 4, metadata: 'start', leaderEpoch: 0 })
    const stale = { ...membership, generation: membership.generation - 1 || 99 }
    await assert.rejects(
      commitOffsets(bed.cluster, bed.id, stale, [{ topic, partition: 1, offset: 9, metadata: '' }]),
      RetakeError,
    )
  })

  test('the ends of a partition, by isolation and by time', async () => {
    const producer = bed.producer(`${bed.id}-ends`)
    const out = await bed.topic('ends')
    await producer.initialise()
    await producer.produce([batch(out, 0, ['a'])])
    const at = async (...[where, isolation]: [Parameters<typeof listOffsets>[2], Parameters<typeof listOffsets>[3]]) =>
      (await listOffsets(bed.cluster, [{ topic: out, partition: 0 }], where, isolation)).get(partitionKey(out, 0))?.offset
    assert.equal(await at('latest', 'read_uncommitted'), 1)
    assert.equal(await at('latest', 'read_committed'), 0)
    assert.equal(await at('earliest', 'read_uncommitted'), 0)
    assert.equal(await at({ timestamp: 0 }, 'read_uncommitted'), 0)
    assert.equal(await at({ timestamp: 10_000 }, 'read_uncommitted'), -1)
    await producer.abort()
  })

  test('an open transaction that no coordinator knows is told apart from one that ends meanwhile', async () => {
    const producer = bed.producer(`${bed.id}-hanging`)
    const out = await bed.topic('hanging')
    await producer.initialise()
    await producer.produce([batch(out, 0, ['a'])])
    const wire = bed.client()
    const nobodys = { throttleTimeMs: 0, errorCode: errorCode.NONE, unknownStateFilters: [], transactionStates: [] }
    wire.fault = ({ api }) => (api === 'ListTransactions' ? { answer: nobodys } : 'pass')
    const cluster = new Cluster(wire, bed.clock)
    const { producerId } = producer.identity
    assert.deepEqual(await openTransactions(cluster, out, 0), [{ transactionalId: null, state: 'unknown', producerId }])
    await producer.abort()
    await eventually('its end is written', async () => (await openTransactions(cluster, out, 0)).length === 0)
  })

  test('P9: the open transaction of a dead writer is found, on its topic and on the offsets, and ended', async () => {
    const dead = bed.producer(`${bed.id}-dead`)
    const out = await bed.topic('changelog')
    await dead.initialise()
    await dead.produce([batch(out, 0, ['a'])])
    await dead.commitOffsets(bed.id, membership, [{ topic, partition: 0, offset: 11, metadata: '' }])
    assert.equal(await stable(), 'unstable')
    const offsets = await groupOffsetsPartition(bed.cluster, bed.id)
    for (const stuck of [{ topic: out, partition: 0 }, offsets]) {
      const [open, ...more] = await openTransactions(bed.cluster, stuck.topic, stuck.partition)
      assert.deepEqual(more, [])
      assert.deepEqual(open, { transactionalId: `${bed.id}-dead`, state: 'Ongoing', producerId: dead.identity.producerId })
    }
    const startedAt = bed.clock.monotonic()
    await fenceTransaction(bed.cluster, `${bed.id}-dead`)
    await eventually('offsets are stable', async () => (await stable()) !== 'unstable')
    assert.ok(bed.clock.monotonic() - startedAt < 2_000)
    assert.deepEqual(await openTransactions(bed.cluster, out, 0), [])
    await assert.rejects(dead.commit(), FencedError)
    const found = await stable()
    assert.ok(found !== 'unstable')
    assert.equal(found.get(partitionKey(topic, 0))?.offset, -1)
  })
})

test('the hash of a group is what the broker takes', () => {
  assert.equal(positiveHash('hello'), 99_162_322)
  assert.equal(positiveHash('Hello World!'), 969_099_747) // Negative in Java.
  assert.equal(positiveHash('polygenelubricants'), 0) // The least integer.
})
