import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemberView } from '../../../service/kafka/group-member.ts'
import { type GroupFacts, membershipWaits, taskWait } from '../../../service/runtime/seat-waits.ts'

const stable: MemberView = {
  phase: 'stable',
  isMember: true,
  mustRejoin: false,
  silentMs: 3000,
  movedAt: 40_000,
  lossReason: '',
}
const facts: GroupFacts = { isAssigned: true, tasks: 1, tasksInAll: 2, workers: 2, sessionTimeoutMs: 10_000, now: 100_000 }

/** What the member waits for; null for nothing. */
const waitOf = (member: Partial<MemberView>, group: Partial<GroupFacts> = {}) => {
  const [wait, ...more] = membershipWaits({ ...stable, ...member }, { ...facts, ...group })
  assert.deepEqual(more, [])
  return wait ?? null
}

test('a member with tasks and answered heartbeats waits for nothing', () => {
  assert.equal(waitOf({}), null)
  assert.equal(waitOf({ phase: 'left', isMember: false }), null)
})

test('one that is outside says since when, and why it lost its membership', () => {
  const outside = waitOf({ phase: 'outside', isMember: false, silentMs: null, lossReason: 'the session is over' })
  assert.deepEqual([outside?.waitingFor, outside?.since], ['membership', 40_000])
  assert.match(outside?.detail ?? '', /lost its membership: the session is over/)
  assert.equal(waitOf({ phase: 'joining', silentMs: null }, { isAssigned: false })?.waitingFor, 'membership')
  assert.match(waitOf({ phase: 'joining', isMember: false, silentMs: null })?.detail ?? '', /waits for the group’s coordinator/)
})

test('heartbeats without an answer for half a session are told, since the last answer', () => {
  assert.equal(waitOf({ silentMs: 5000 }), null)
  const silent = waitOf({ silentMs: 5001 })
  assert.deepEqual([silent?.waitingFor, silent?.since], ['coordinator', 94_999])
})

test('a rebalance is told, whichever its phase', () => {
  for (const member of [{ mustRejoin: true }, { phase: 'joining', silentMs: null }, { phase: 'revoking' }] as const)
    assert.equal(waitOf(member)?.waitingFor, 'rebalance')
})

test('more workers than partitions is no fault, and told as none; one that has yet to get its tasks waits', () => {
  const spare = waitOf({}, { tasks: 0, workers: 3 })
  assert.equal(spare?.waitingFor, 'assignment')
  assert.match(spare?.detail ?? '', /no partitions assigned: 3 workers share 2 tasks; this is no fault/)
  assert.equal(waitOf({}, { tasks: 0 })?.waitingFor, 'rebalance')
})

test('a task that is restored says how far it is', () => {
  const restoring = { store: 'total', done: 439, total: 1000 }
  assert.deepEqual(taskWait({ task: '0_1', state: 'restoring', restoring }, 7), [
    { waitingFor: 'restore', task: '0_1', since: 7, detail: 'restoring 43 %: 439 of 1000 changelog records of store total' },
  ])
  assert.equal(taskWait({ task: '0_1', state: 'restoring' }, 7)[0]?.waitingFor, 'task')
  assert.deepEqual(taskWait({ task: '0_1', state: 'running' }, 7), [])
})
