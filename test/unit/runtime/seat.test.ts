/** P1 and P17 as the supervisor keeps them: the flag before the message, and who stops being a member for want of progress. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GroupEvents, GroupMember, MemberView } from '../../../service/kafka/group-member.ts'
import { silentLog } from '../../../service/log.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { FatalError } from '../../../service/errors.ts'
import { Seat } from '../../../service/runtime/seat.ts'
import { Waits } from '../../../service/runtime/waits.ts'
import { type FromWorker, SharedFlags, type ToWorker } from '../../../service/runtime/seam.ts'

const batchTimeoutMs = 1000
const membership = { generation: 1, memberId: 'm', instanceId: null }
const assignment = { membership, tasks: ['0_0'], fingerprint: 'f', liveIds: [], members: 1 } as const

const view: MemberView = {
  phase: 'stable',
  isMember: true,
  mustRejoin: false,
  silentMs: 0,
  movedAt: 0,
  lossReason: '',
}

/** A seat whose worker and member are noted instead of run. */
function taken() {
  const clock = new ManualClock(0)
  const flags = new SharedFlags()
  const waits = new Waits(clock)
  const posted: { readonly message: ToWorker; readonly losses: number }[] = []
  const member: string[] = []
  const failed: { readonly message: string; readonly exitCode: number }[] = []
  const worker: { says: (message: FromWorker) => void; group: GroupEvents | null } = { says: () => {}, group: null }
  const note = (what: string) => () => void member.push(what)
  const seat = new Seat({
    worker: 0,
    flags,
    clock,
    log: silentLog,
    batchTimeoutMs,
    sessionTimeoutMs: 6000,
    tasksInAll: 1,
    waits,
    openChannel: (receive) => {
      worker.says = receive
      return {
        post: (message) => void posted.push({ message, losses: flags.losses }),
        terminate: () => Promise.resolve(),
      }
    },
    openMember: (events) => {
      worker.group = events
      const calls = { join: note('join'), leave: note('leave'), suspendHeartbeats: note('suspend'), resume: note('resume') }
      return { ...calls, view } as unknown as GroupMember
    },
    fail: ({ message }, exitCode) => void failed.push({ message, exitCode }),
    onRows: () => {},
  })
  const { group } = worker
  assert.ok(group)
  const passes = (ms: number) => {
    clock.advanceMonotonic(ms)
    seat.watch()
  }
  return { seat, flags, waits, posted, member, failed, group, says: (message: FromWorker) => worker.says(message), passes }
}

test('P8: it joins only once the worker has initialised its producer', async () => {
  const { seat, member, says } = taken()
  const started = seat.start()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(member, [])
  says({ kind: 'ready' })
  await started
  assert.deepEqual(member, ['join'])
})

test('P1: a loss is in the shared memory before the worker can hear of it', () => {
  const { group, posted, flags } = taken()
  group.assigned(assignment)
  group.lost('thrown out')
  assert.equal(flags.losses, 1)
  assert.deepEqual(posted.at(-1), { message: { kind: 'lost', reason: 'thrown out' }, losses: 1 })
})

test('partitions that hold windows open are told with what to do, until the worker says otherwise', async () => {
  const { seat, says, group } = taken()
  says({ kind: 'ready' })
  await seat.start()
  group.assigned(assignment)
  says({ kind: 'running', task: '0_0' })
  assert.deepEqual(seat.reasons(), [])
  says({ kind: 'held', partitions: [{ topic: 'in', partition: 2, since: 5 }] })
  const [reason] = seat.reasons()
  assert.deepEqual([reason?.waitingFor, reason?.since], ['record', 5])
  assert.match(reason?.detail ?? '', /in, partition 2, is silent .* set idleAfter, or send it a record/)
  says({ kind: 'held', partitions: [] })
  assert.deepEqual(seat.reasons(), [])
})

test('what the worker waits for is told once, even if the membership waits for the same', async () => {
  const { seat, says, group, waits } = taken()
  says({ kind: 'ready' })
  await seat.start()
  group.assigned(assignment)
  says({ kind: 'running', task: '0_0' })
  const detail = 'broker 1 cannot be reached'
  waits.for('kafka').tell(detail)
  const own = { waitingFor: 'store', task: '0_0', since: 3, detail: 'Redis is away' } as const
  says({ kind: 'waits', waits: [{ waitingFor: 'kafka', task: null, since: 2, detail }, own] })
  assert.deepEqual(seat.reasons(), [
    { worker: 0, waitingFor: 'kafka', task: null, since: 0, detail },
    { worker: 0, ...own },
  ])
})

test('before its worker is ready it starts; a worker without progress has its reason', async () => {
  const { seat, says, group, flags, passes } = taken()
  assert.equal(seat.reasons()[0]?.waitingFor, 'start')
  says({ kind: 'ready' })
  await seat.start()
  group.assigned(assignment)
  says({ kind: 'running', task: '0_0' })
  flags.busy = true
  passes(0)
  passes(batchTimeoutMs + 1)
  assert.deepEqual(
    seat.reasons().map(({ waitingFor }) => waitingFor),
    ['progress'],
  )
})

test('P16: a revocation is over when the worker has given up all of its tasks, or is no member any more', async () => {
  const { group, says } = taken()
  let over = 0
  const revoke = async (...tasks: readonly ('0_0' | '0_1')[]) => {
    await group.revoke(tasks)
    over += 1
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const revoked = revoke('0_0', '0_1')
  await settle()
  assert.equal(over, 0)
  says({ kind: 'revoked', revocation: 0 })
  await revoked
  const other = revoke('0_0')
  group.lost('thrown out')
  await other
  assert.equal(over, 2)
})

test('P16: the answer to a revocation of a membership that was lost is none to a later one, nor takes it tasks away', async () => {
  const { seat, group, says } = taken()
  group.assigned(assignment)
  const before = group.revoke(['0_0'])
  group.lost('thrown out')
  await before
  group.assigned(assignment)
  let isOver = false
  void group.revoke(['0_0']).then(() => {
    isOver = true
  })
  says({ kind: 'revoked', revocation: 0 })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isOver, false)
  assert.deepEqual(
    seat.status().tasks.map(({ task }) => task),
    ['0_0'],
  )
  says({ kind: 'revoked', revocation: 1 })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isOver, true)
  assert.deepEqual(seat.status().tasks, [])
})

test('who may be no member for good ends the process, and its batch does not wait for a membership that will not come', () => {
  const { seat, flags, posted, failed, group } = taken()
  group.assigned(assignment)
  group.fatal(new FatalError('another process has this instance id'))
  assert.equal(flags.losses, 1)
  assert.deepEqual(posted.at(-1), { message: { kind: 'lost', reason: 'another process has this instance id' }, losses: 1 })
  assert.deepEqual(failed, [{ message: 'another process has this instance id', exitCode: 1 }])
  assert.deepEqual(seat.status().tasks, [])
})

describe('P17: a worker', () => {
  test('that has work and makes no progress for batchTimeoutMs gets no more heartbeats, until it moves again', () => {
    const { flags, member, passes } = taken()
    flags.busy = true
    passes(0)
    passes(batchTimeoutMs)
    assert.deepEqual(member, [])
    passes(1)
    passes(batchTimeoutMs)
    assert.deepEqual(member, ['suspend'])
    flags.advance()
    passes(1)
    passes(1)
    assert.deepEqual(member, ['suspend', 'resume'])
  })

  test('that makes progress is a member, however long its batch takes', () => {
    const { flags, member, passes } = taken()
    flags.busy = true
    for (let step = 0; step < 10; step++) {
      flags.advance()
      passes(batchTimeoutMs)
    }
    assert.deepEqual(member, [])
  })

  test('without work is a member, however long', () => {
    const { member, passes } = taken()
    for (let step = 0; step < 10; step++) passes(batchTimeoutMs)
    assert.deepEqual(member, [])
  })

  test('that ended in a fault ends the process', () => {
    const { failed, says } = taken()
    says({ kind: 'fatal', code: 'thread', message: 'the worker thread died', where: '', exitCode: 1 })
    assert.deepEqual(failed, [{ message: 'the worker thread died', exitCode: 1 }])
  })
})
