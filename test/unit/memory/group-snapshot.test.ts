/** What the next coordinator of a group knows of it, and what it says while it reads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorName } from '../../../service/kafka/wire/error-codes.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { MemoryKafka } from '../../../service/memory/memory-kafka.ts'
import { coordinatorPartition, offsetsTopic, transactionsTopic } from '../../../service/memory/topics.ts'

const groupId = 'g'
const partition = coordinatorPartition(groupId, 5)

function start() {
  const clock = new ManualClock(1_000_000)
  const kafka = new MemoryKafka({ clock, brokers: 2 })
  kafka.moveLeader(offsetsTopic, partition, 1)
  const wire = kafka.wire()
  const join = (instanceId: string, memberId = '', node = 1) =>
    wire.request(node, `join ${instanceId}`, 'JoinGroup', {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      protocols: [{ name: 'p', metadata: Buffer.from(instanceId) }],
      reason: null,
    })
  const member = (generationId: number, memberId: string, groupInstanceId: string) => ({
    groupId,
    generationId,
    memberId,
    groupInstanceId,
  })
  const sync = async (generationId: number, memberId: string, instanceId: string, node = 1) => {
    const identity = { ...member(generationId, memberId, instanceId), protocolType: 'consumer', protocolName: 'p' }
    const assignments = [{ memberId, assignment: Buffer.from('all') }]
    return wire.request(node, `join ${instanceId}`, 'SyncGroup', { ...identity, assignments })
  }
  const heartbeat = async (generationId: number, memberId: string, instanceId: string, node: number) => {
    const body = member(generationId, memberId, instanceId)
    return errorName((await wire.request(node, 'heartbeat', 'Heartbeat', body)).errorCode)
  }
  return { clock, kafka, wire, join, sync, heartbeat }
}

test('a group goes on under the next coordinator as it was last written: who was joining has to do so again', async () => {
  const { kafka, join, sync, heartbeat } = start()
  const a = await join('a')
  await sync(a.generationId, a.memberId, 'a')
  const newcomer = join('b')
  kafka.moveLeader(offsetsTopic, partition, 2)
  assert.equal(errorName((await newcomer).errorCode), 'NOT_COORDINATOR')
  assert.equal(await heartbeat(a.generationId, a.memberId, 'a', 1), 'NOT_COORDINATOR')
  assert.equal(await heartbeat(a.generationId, a.memberId, 'a', 2), 'NONE', 'no rebalance is under way any more')
})

test('a generation whose assignment was not written never was', async () => {
  const { kafka, join, sync, heartbeat } = start()
  const a = await join('a')
  await sync(a.generationId, a.memberId, 'a')
  const [b, again] = await Promise.all([join('b'), join('a', a.memberId)])
  const next = again.generationId
  assert.equal(next, a.generationId + 1)
  kafka.moveLeader(offsetsTopic, partition, 2)
  assert.equal(errorName((await sync(next, a.memberId, 'a', 2)).errorCode), 'ILLEGAL_GENERATION')
  assert.equal(await heartbeat(a.generationId, a.memberId, 'a', 2), 'NONE')
  assert.equal(await heartbeat(next, b.memberId, 'b', 2), 'UNKNOWN_MEMBER_ID')
})

test('sessions begin anew under the next coordinator', async () => {
  const { clock, kafka, join, sync, heartbeat } = start()
  const a = await join('a')
  await sync(a.generationId, a.memberId, 'a')
  clock.advanceMonotonic(9_000)
  kafka.moveLeader(offsetsTopic, partition, 2)
  clock.advanceMonotonic(9_000)
  assert.equal(await heartbeat(a.generationId, a.memberId, 'a', 2), 'NONE')
})

test('a coordinator that reads its log takes heartbeats blindly, and nothing else', async () => {
  const { clock, kafka, wire, join, sync, heartbeat } = start()
  const a = await join('a')
  await sync(a.generationId, a.memberId, 'a')
  kafka.moveLeader(offsetsTopic, partition, 2, { loadingMs: 1000 })
  for (let each = 0; each < 5; each++) kafka.moveLeader(transactionsTopic, each, 2, { loadingMs: 1000 })
  const initialise = async () =>
    errorName((await wire.request(2, 'init', 'InitProducerId', { transactionalId: 't', transactionTimeoutMs: 10_000 })).errorCode)
  const offsets = async () =>
    errorName((await wire.request(2, 'offsets', 'OffsetFetch', { groupId, topics: null, requireStable: true })).errorCode)
  assert.equal(await heartbeat(7, 'whoever', 'a', 2), 'NONE')
  assert.equal(await offsets(), 'COORDINATOR_LOAD_IN_PROGRESS')
  assert.equal(await initialise(), 'COORDINATOR_LOAD_IN_PROGRESS')
  clock.advanceMonotonic(1000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await heartbeat(a.generationId, a.memberId, 'a', 2), 'NONE')
  assert.equal(await offsets(), 'NONE')
  assert.equal(await initialise(), 'NONE')
})
