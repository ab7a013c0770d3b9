/** P1 and P17 as the supervisor keeps them: the flag before the message, and who stops being a member for want of progress. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GroupEvents, GroupMember } from '../../../service/kafka/group-member.ts'
import { silentLog } from '../../../service/log.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { Seat } from '../../../service/runtime/seat.ts'
import { type FromWorker, SharedFlags, type ToWorker } from '../../../service/runtime/seam.ts'

const batchTimeoutMs = 1000
const membership = { generation: 1, memberId: 'm', instanceId: null }
const assignment = { membership, tasks: ['0_0'], fingerprint: 'f', liveIds: [] } as const

/** A seat whose worker and member are noted instead of run. */
function taken() {
  const clock = new ManualClock(0)
  const flags = new SharedFlags()
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
      return calls as unknown as GroupMember
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
  return { seat, flags, posted, member, failed, group, says: (message: FromWorker) => worker.says(message), passes }
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

test('partitions that hold windows open are told with what to do, until the worker says otherwise', () => {
  const { seat, says } = taken()
  assert.deepEqual(seat.warnings(), [])
  says({ kind: 'held', partitions: [{ topic: 'in', partition: 2, since: 0 }] })
  assert.match(
    seat.warnings()[0] ?? '',
    /in, partition 2, .* since 1970-01-01T00:00:00.000Z .* set idleAfter, or send it a record/,
  )
  says({ kind: 'held', partitions: [] })
  assert.deepEqual(seat.warnings(), [])
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
  says({ kind: 'revoked', tasks: ['0_0'] })
  await settle()
  assert.equal(over, 0)
  says({ kind: 'revoked', tasks: ['0_1'] })
  await revoked
  const other = revoke('0_0')
  group.lost('thrown out')
  await other
  assert.equal(over, 2)
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
