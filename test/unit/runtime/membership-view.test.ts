import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { LostError } from '../../../service/errors.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { type FrozenMembership, MembershipView } from '../../../service/runtime/membership-view.ts'
import { type Membership, SharedFlags } from '../../../service/runtime/seam.ts'
import type { TaskId } from '../../../service/task-id.ts'

const member = (generation: number, memberId = 'm'): Membership => ({ generation, memberId, instanceId: null })
const tasks: readonly TaskId[] = ['0_0', '0_1']

describe('membership view', () => {
  let clock: ManualClock
  let flags: SharedFlags
  let view: MembershipView
  let frozen: FrozenMembership
  beforeEach(() => {
    clock = new ManualClock(0)
    flags = new SharedFlags()
    view = new MembershipView(flags, clock)
    view.assigned({ kind: 'assigned', membership: member(3), tasks, fingerprint: 'f', liveIds: ['app.a.0'] })
    assert.ok(view.current)
    frozen = view.current
  })

  const step = (membership: Membership, previous = 3, kept = tasks) =>
    view.moved({ kind: 'generation', membership, previous, kept, liveIds: [`live in ${membership.generation}`] })
  const successor = () => view.successor(frozen, tasks, 100)

  test('P1: the exception is the straight step of the same member, with all these tasks kept', async () => {
    step(member(4))
    assert.deepEqual(await successor(), member(4))
    assert.deepEqual(frozen.membership, member(3), 'what was frozen stays')
    assert.deepEqual(view.current?.membership, member(4), 'the next batch goes under the new one')
  })

  test('P9: who lives is known with the generation, before what was revoked is given up', () => {
    step(member(4))
    assert.deepEqual(view.liveIds, ['live in 4'])
  })

  const refused: Readonly<Record<string, () => void>> = {
    'two generations on': () => step(member(5)),
    'two generations on, in two steps': () => {
      step(member(4))
      step(member(5), 4)
    },
    'from another generation': () => step(member(4), 2),
    'another member': () => step(member(4, 'other')),
    'a task of the batch was not named': () => step(member(4), 3, ['0_0']),
  }
  for (const [what, happen] of Object.entries(refused)) {
    test(`P1: no exception: ${what}`, async () => {
      happen()
      assert.equal(await successor(), null)
    })
  }

  test('P1: a step that does not come in time is none', async () => {
    const found = successor()
    for (let passed = 0; passed <= 100; passed += 5) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advanceMonotonic(5)
    }
    assert.equal(await found, null)
  })

  test('P1: whoever was lost in between has no successor, though the flag alone says so yet', async () => {
    step(member(4))
    flags.lose()
    assert.equal(view.current, null)
    await assert.rejects(successor(), LostError)
    assert.throws(() => view.check(frozen), LostError)
  })

  test('P1: a new assignment does not bring a dead batch back to life', () => {
    flags.lose()
    view.lost()
    view.assigned({ kind: 'assigned', membership: member(5), tasks, fingerprint: 'f', liveIds: [] })
    assert.throws(() => view.check(frozen), LostError)
    assert.deepEqual(view.current?.membership, member(5))
  })
})
