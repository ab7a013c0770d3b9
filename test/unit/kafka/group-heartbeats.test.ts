import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FatalError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { Bed, isReal } from './bed.ts'
import { MemberParts } from './member-parts.ts'

describe('GroupHeartbeats', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())

  async function member(name: string): Promise<MemberParts> {
    const parts = new MemberParts(bed, `${bed.id}-${name}`)
    await parts.stable()
    return parts
  }
  /** Every Heartbeat is answered with this. */
  const answer = ({ wire }: MemberParts, code: number) => {
    wire.fault = ({ api }) => (api === 'Heartbeat' ? { answer: { throttleTimeMs: 0, errorCode: code } } : 'pass')
  }

  test('on demand: whoever is a member is told so, and nobody else', async () => {
    const one = await member('now')
    assert.equal(await one.heartbeats.now(), 'ok')
    one.standing.lose('thrown out')
    assert.equal(await one.heartbeats.now(), 'lost')
    assert.equal(one.wire.count('Heartbeat'), 1)
  })

  describe('on time', { skip: isReal }, () => {
    /** A member, and what lets so many intervals pass. */
    async function ticking(name: string) {
      const clock = new ManualClock(0)
      const own = new Bed({ clock })
      const one = new MemberParts(own, name)
      await one.stable()
      const running = one.heartbeats.run()
      const pass = async (intervals: number) => {
        for (let i = 0; i < intervals; i++) {
          clock.advanceMonotonic(20)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const end = async () => {
        one.standing.end('left')
        await running
        await own.close()
      }
      return { one, pass, end }
    }

    test('a rebalance is a sign of life, and the call to join again; then none is sent before the join', async () => {
      const { one, pass, end } = await ticking('rebalance')
      answer(one, errorCode.REBALANCE_IN_PROGRESS)
      await pass(5)
      assert.ok(one.standing.mustRejoin)
      assert.equal(one.wire.count('Heartbeat'), 1)
      one.wire.fault = () => 'pass'
      await one.stable()
      await pass(3)
      assert.equal(one.wire.count('Heartbeat'), 4)
      assert.deepEqual(one.losses, [])
      await end()
    })

    test('suspended it beats no more, and the session runs out', async () => {
      const { one, pass, end } = await ticking('suspended')
      one.heartbeats.suspend()
      await pass(200)
      assert.equal(one.wire.count('Heartbeat'), 0)
      one.heartbeats.resume()
      await pass(1)
      assert.equal(one.wire.count('Heartbeat'), 1)
      one.heartbeats.suspend()
      await pass(302)
      assert.match(one.losses[0] ?? '', /answered no heartbeat/)
      await end()
    })
  })

  test('an older generation is lost, unless a join under way has overtaken the heartbeat', async () => {
    const one = await member('overtaken')
    one.standing.enter('joining')
    let answered = 0
    one.wire.fault = ({ api }) => {
      if (api !== 'Heartbeat' || answered++ > 0) return 'pass'
      return { answer: { throttleTimeMs: 0, errorCode: errorCode.ILLEGAL_GENERATION } }
    }
    assert.equal(await one.heartbeats.now(), 'ok')
    assert.deepEqual(one.losses, [])
    one.standing.enter('stable')
    answer(one, errorCode.ILLEGAL_GENERATION)
    assert.equal(await one.heartbeats.now(), 'lost')
    assert.match(one.losses[0] ?? '', /ILLEGAL_GENERATION/)
  })

  test('P4: another process with the instance id ends the member', async () => {
    const one = await member('fenced')
    answer(one, errorCode.FENCED_INSTANCE_ID)
    assert.equal(await one.heartbeats.now(), 'fenced-instance')
    assert.ok(one.error instanceof FatalError)
  })
})
