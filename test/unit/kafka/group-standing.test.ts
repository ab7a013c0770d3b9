import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FatalError, StoppedError } from '../../../service/errors.ts'
import { GroupStanding } from '../../../service/kafka/group-standing.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { taskId } from '../../../service/task-id.ts'

/** A member of generation 3 with one task. */
function stable() {
  const clock = new ManualClock(0)
  const losses: [string, boolean][] = []
  const onLost = (...loss: [string, boolean]) => void losses.push(loss)
  const standing = new GroupStanding({ clock, sessionTimeoutMs: 1_000, onLost })
  standing.enter('joining')
  standing.identified('me')
  standing.counted(3)
  standing.enter('stable')
  standing.holds([taskId(0, 0)])
  return { clock, losses, standing }
}

describe('GroupStanding', () => {
  test('goes by the drawing', () => {
    const { standing } = stable()
    assert.throws(() => standing.enter('stable'), FatalError)
    standing.enter('joining')
    standing.enter('revoking')
    assert.throws(() => standing.enter('joining'), FatalError)
  })

  test('a loss takes everything, and is told with whether there was something to lose', () => {
    const { standing, losses } = stable()
    standing.lose('thrown out')
    assert.deepEqual([standing.phase, standing.memberId, standing.isMember, standing.tasks], ['outside', '', false, []])
    standing.enter('joining')
    standing.lose('again')
    assert.deepEqual(losses, [
      ['thrown out', true],
      ['again', false],
    ])
    assert.equal(standing.losses, 2)
  })

  test('joining answers the call to rejoin', () => {
    const { standing } = stable()
    standing.askToRejoin()
    assert.ok(standing.mustRejoin)
    standing.enter('joining')
    assert.ok(!standing.mustRejoin)
  })

  test('a session is over when the coordinator was silent for longer', () => {
    const { standing, clock } = stable()
    clock.advanceMonotonic(900)
    standing.alive(500)
    standing.alive(400)
    clock.advanceMonotonic(600)
    assert.ok(!standing.isSessionOver)
    assert.equal(standing.silentMs, 1_000)
    clock.advanceMonotonic(1)
    assert.ok(standing.isSessionOver)
    standing.lose('silence')
    assert.ok(!standing.isSessionOver)
  })

  test('a condition is waited for until it holds, or the member has ended', async () => {
    const { standing } = stable()
    const rejoin = standing.until(() => standing.mustRejoin)
    standing.changed()
    standing.askToRejoin()
    await rejoin
    const never = standing.until(() => false)
    standing.end('left')
    await assert.rejects(never, StoppedError)
    assert.ok(standing.ended.aborted)
    standing.lose('late')
    assert.equal(standing.phase, 'left')
  })

  test('a barrier is waited for as long as there is a membership', async () => {
    const { standing } = stable()
    await standing.unlessLost(Promise.resolve())
    await assert.rejects(standing.unlessLost(Promise.reject(new Error('broken'))), /broken/)
    const { promise: closed, reject } = Promise.withResolvers<void>()
    const waiting = standing.unlessLost(closed)
    standing.lose('thrown out')
    await waiting
    // Nobody waits for it any more, and nothing is left unhandled.
    reject(new Error('late'))
    const stopped = standing.unlessLost(new Promise(() => {}))
    standing.end('failed')
    await assert.rejects(stopped, StoppedError)
  })
})
