/** P6: batches back to back under two transactional ids, of which one at a time is at work, and which stand or fall together. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeSubscription } from '../../../service/kafka/consumer-protocol.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import type { Api } from '../../../service/kafka/wire/messages.ts'
import { held } from '../../support/faulty-wire.ts'
import { assertOnce, numbers, numbersAtOnce } from '../../support/numbers.ts'
import { type BedProcess, onBed, type ProcessBed, running } from '../../support/process-bed.ts'

const [first, second] = ['app.a.0', 'app.a.0.b']

/** Which requests of some kinds went out from `from` on, each with the id that it was sent under. */
function sentBy({ wire }: BedProcess, apis: readonly Api[], from = 0): readonly string[] {
  return wire.sent.flatMap(({ index, api, body }) => {
    if (index < from || !apis.includes(api)) return []
    const { transactionalId: id, producerId } = body as { readonly transactionalId?: string; readonly producerId?: number }
    const name = id === undefined ? '' : id === first ? ' first' : ' second'
    return [`${api}${name}${api === 'InitProducerId' && producerId === -1 ? ' anew' : ''}`]
  })
}
/** The first of each run of equal ones: how often a request was repeated is of no interest. */
const inTurn = (steps: readonly string[]) => steps.filter((step, index) => step !== steps[index - 1])

/** One record, and the batch that has it. */
async function commitOne(bed: ProcessBed, value: number): Promise<void> {
  bed.send('in', { key: 'a', value })
  await bed.drained('in')
}

async function started(bed: ProcessBed): Promise<BedProcess> {
  const process = bed.start({ instanceId: 'a' })
  await bed.until('it runs', running(bed, 1))
  return process
}

describe('P6: two transactional ids', () => {
  test('are initialised and announced, both, before a position is read', () =>
    onBed({ topology: numbersAtOnce }, async (bed) => {
      const a = await started(bed)
      const steps = sentBy(a, ['InitProducerId', 'JoinGroup', 'OffsetFetch'])
      assert.deepEqual(inTurn(steps), ['InitProducerId first anew', 'InitProducerId second anew', 'JoinGroup', 'OffsetFetch'])
      const announced = a.wire
        .of('JoinGroup')
        .map(({ body }) => decodeSubscription(body.protocols[0]?.metadata ?? Buffer.alloc(0)).transactionalIds)
      for (const ids of announced) assert.deepEqual(ids, [first, second])
    }))

  test('are random, both, where the membership is dynamic', () =>
    onBed({ topology: numbersAtOnce }, async (bed) => {
      const ids = async () => {
        const process = bed.start({ instanceId: null })
        await bed.until('it has begun', () => process.wire.of('InitProducerId').length === 2)
        return process.wire.of('InitProducerId').map(({ body }) => body.transactionalId ?? '')
      }
      const [one, other] = [await ids(), await ids()]
      assert.equal(new Set([...one, ...other]).size, 4)
      for (const [id, idSecond] of [one, other]) assert.equal(idSecond, `${id}.b`)
    }))

  test('are no use where batches have pauses between them: there is one', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = await started(bed)
      assert.deepEqual(sentBy(a, ['InitProducerId']), ['InitProducerId first anew'])
    }))

  test('take turns', () =>
    onBed({ topology: numbersAtOnce }, async (bed) => {
      const a = await started(bed)
      for (const value of [1, 2, 3]) await commitOne(bed, value)
      assert.deepEqual(sentBy(a, ['EndTxn']), ['EndTxn first', 'EndTxn second', 'EndTxn first'])
      assertOnce(bed)
    }))

  test('so the second need not wait for the markers of the first', () =>
    onBed({ topology: numbersAtOnce, markerDelayMs: 'manual' }, async (bed) => {
      const a = await started(bed)
      const ended = (count: number) => () => a.wire.of('EndTxn').length === count
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('the first has committed', ended(1))
      bed.send('in', { key: 'a', value: 2 })
      await bed.until('the second has committed', ended(2), 100)
      while (bed.kafka.landMarker()) await bed.turn()
      await bed.drained('in')
      assertOnce(bed)
    }))

  test('have one undecided transaction: nothing is sent under the second before the end of the first is answered', () =>
    onBed({ topology: numbersAtOnce }, async (bed) => {
      const a = await started(bed)
      const answer = held('hold-answer')
      a.wire.plan({ api: 'EndTxn', fault: answer.fault })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('the first ends', () => a.wire.of('EndTxn').length === 1)
      const sent = a.wire.of('EndTxn')[0]?.index ?? 0
      bed.send('in', { key: 'a', value: 2 })
      await bed.pass(3000)
      assert.deepEqual(sentBy(a, ['Produce', 'TxnOffsetCommit', 'EndTxn', 'InitProducerId'], sent + 1), [])
      answer.release()
      await bed.drained('in')
      assert.equal(inTurn(sentBy(a, ['Produce'], sent + 1)).join(), 'Produce second')
      assertOnce(bed)
    }))

  for (const fault of ['lose-answer', 'lose-request'] as const) {
    test(`a commit that may or may not have been is settled before anything is produced: ${fault}`, () =>
      onBed({ topology: numbersAtOnce, markerDelayMs: 5 }, async (bed) => {
        const a = await started(bed)
        a.wire.plan({ api: 'EndTxn', fault: { kind: fault } })
        bed.send('in', { key: 'a', value: 1 })
        await bed.until('it was lost', () => a.wire.isOver)
        const lostAt = a.wire.hit[0]?.index ?? 0
        bed.send('in', { key: 'a', value: 2 })
        await bed.drained('in')
        const steps = sentBy(a, ['InitProducerId', 'OffsetFetch', 'Produce', 'EndTxn'], lostAt + 1)
        const read = steps.indexOf('OffsetFetch')
        assert.deepEqual(new Set(steps.slice(0, read)), new Set(['InitProducerId first', 'InitProducerId second']))
        assert.ok(steps.indexOf('Produce first') > read)
        await bed.pass(100)
        assertOnce(bed)
      }))
  }

  for (const whose of [first, second]) {
    test(`${whose} is fenced, and the other with it: a heartbeat allows both to begin anew`, () =>
      onBed({ topology: numbersAtOnce }, async (bed) => {
        const a = await started(bed)
        const answer = { throttleTimeMs: 0, errorCode: errorCode.PRODUCER_FENCED, producerId: -1, producerEpoch: -1 }
        a.wire.plan({ api: 'EndTxn', fault: { kind: 'answer', answer }, when: ({ body }) => body.transactionalId === whose })
        bed.send('in', { key: 'a', value: 1 })
        if (whose === second) {
          await bed.drained('in')
          bed.send('in', { key: 'a', value: 2 })
        }
        await bed.until('it was fenced', () => a.wire.isOver)
        await bed.drained('in')
        const steps = inTurn(sentBy(a, ['Heartbeat', 'InitProducerId', 'OffsetFetch'], (a.wire.hit[0]?.index ?? 0) + 1))
        const read = steps.indexOf('OffsetFetch')
        assert.equal(steps[0], 'Heartbeat')
        assert.deepEqual(
          new Set(steps.slice(1, read)),
          new Set(['InitProducerId first anew', 'InitProducerId second anew']),
          steps.join(', '),
        )
        assertOnce(bed)
      }))
  }

  for (const [turn, whose] of [first, second].entries()) {
    for (const api of ['Produce', 'TxnOffsetCommit', 'EndTxn'] as const) {
      test(`a process that stands still before its ${api} under ${whose} is fenced by its successor, which need not wait`, () =>
        onBed({ topology: numbersAtOnce }, async (bed) => {
          const zombie = await started(bed)
          for (let value = 1; value <= turn; value++) await commitOne(bed, value)
          const still = held('hold')
          zombie.wire.plan({ api, fault: still.fault })
          zombie.wire.plan({ api: 'Heartbeat', fault: { kind: 'lose-request' }, times: Number.POSITIVE_INFINITY })
          bed.send('in', { key: 'a', value: 10 })
          await bed.until('it stands still', () => zombie.wire.hit.some((sent) => sent.api === api))
          const under = zombie.wire.hit.map(({ body }) => (body as { readonly transactionalId?: string }).transactionalId)
          assert.ok(under.includes(whose), under.join(', '))
          const since = bed.clock.monotonic()
          const successor = bed.start({ instanceId: 'a' })
          await bed.until('its successor runs', () => successor.running.length === 1)
          assert.ok(bed.clock.monotonic() - since < 1000, 'the time-out of the transaction is 10 s')
          still.release()
          await bed.drained('in')
          bed.send('in', { key: 'a', value: 11 })
          await bed.drained('in')
          assertOnce(bed)
          assert.equal(successor.outcome, null)
        }))
    }
  }
})
