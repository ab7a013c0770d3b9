/** P4 and P12: how a worker that was fenced finds out whether it may live, and comes back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import type { Api } from '../../../service/kafka/wire/messages.ts'
import { type Fault, held } from '../../support/faulty-wire.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { application, type BedProcess, onBed, running } from '../../support/process-bed.ts'

const store = { application, store: 'total', partition: 0 }

/** A Produce that took no effect, answered so for one partition. */
const refusedWith = (code: number): Fault => ({
  kind: 'change',
  change: (answer: { readonly responses: readonly { readonly partitionResponses: readonly object[] }[] }) => ({
    ...answer,
    responses: answer.responses.map((response) => ({
      ...response,
      partitionResponses: response.partitionResponses.map((partition) => ({ ...partition, errorCode: code, baseOffset: -1 })),
    })),
  }),
})
const heartbeatSays = (code: number): Fault => ({ kind: 'answer', answer: { throttleTimeMs: 0, errorCode: code } })

/** The requests of some kinds after the one that was hit first. */
const after = (process: BedProcess, apis: readonly Api[]): readonly string[] =>
  process.wire.sent
    .filter(({ index, api }) => index > (process.wire.hit[0]?.index ?? Number.POSITIVE_INFINITY) && apis.includes(api))
    .map((sent) => (sent.api === 'InitProducerId' ? `${sent.api}(${isNameless(sent.body) ? -1 : 'own'})` : sent.api))
const isNameless = (body: object): boolean => 'producerId' in body && body.producerId === -1

test('P4: a process begins with one nameless InitProducerId, before it joins', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 1))
    const [first, ...others] = a.wire.of('InitProducerId')
    assert.equal(first?.body.producerId, -1)
    assert.deepEqual(others, [])
    assert.ok((first?.index ?? 0) < (a.wire.of('JoinGroup')[0]?.index ?? -1))
  }))

describe('P4: fenced', () => {
  for (const name of ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'] as const) {
    test(`${name}: a heartbeat that is answered well allows one nameless initialisation`, () =>
      onBed({ topology: numbers }, async (bed) => {
        const a = bed.start({ instanceId: 'a' })
        await bed.until('it runs', running(bed, 1))
        a.wire.plan({ api: 'Produce', fault: refusedWith(errorCode[name]) })
        bed.send('in', { key: 'a', value: 1 })
        await bed.drained('in')
        const all = after(a, ['Heartbeat', 'InitProducerId', 'OffsetFetch', 'Produce'])
        // The first one aborts what is open, and is asked again until that is done.
        const steps = all.filter((step, index) => step !== all[index - 1])
        assert.deepEqual(steps.slice(0, 4), ['Heartbeat', 'InitProducerId(-1)', 'OffsetFetch', 'Produce'])
        assert.equal(steps.filter((step) => step.startsWith('InitProducerId')).length, 1)
        assertOnce(bed)
      }))
  }

  test('while the heartbeat is not answered, nobody is fenced in turn', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      const heartbeat = held('hold')
      a.wire.plan({ api: 'Produce', fault: refusedWith(errorCode.PRODUCER_FENCED) })
      bed.send('in', { key: 'a', value: 1 })
      a.wire.onSent = (sent) => {
        if (sent.api !== 'Produce') return
        a.wire.onSent = () => {}
        a.wire.plan({ api: 'Heartbeat', fault: heartbeat.fault, times: Number.POSITIVE_INFINITY })
      }
      await bed.until('it was fenced', () => a.wire.hit.length >= 2)
      await bed.pass(3000)
      assert.deepEqual(after(a, ['InitProducerId']), [])
      a.wire.clear()
      heartbeat.release()
      await bed.drained('in')
      assertOnce(bed)
    }))

  test('a heartbeat that says "unknown member": lost; it joins anew, asks again, and only then initialises', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      a.wire.plan({ api: 'Produce', fault: refusedWith(errorCode.PRODUCER_FENCED) })
      a.wire.plan({ api: 'Heartbeat', fault: heartbeatSays(errorCode.UNKNOWN_MEMBER_ID), when: () => a.wire.hit.length > 0 })
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      const order = after(a, ['Heartbeat', 'JoinGroup', 'InitProducerId'])
      const initialised = order.indexOf('InitProducerId(-1)')
      assert.equal(order[0], 'Heartbeat')
      assert.ok(order.indexOf('JoinGroup') < initialised)
      assert.equal(order[initialised - 1], 'Heartbeat', `the heartbeat after the join: ${order.join(' ')}`)
      assertOnce(bed)
    }))

  test('of two processes with one instance id the older one ends with exit code 1, and does not fence the younger', () =>
    onBed({ topology: numbers }, async (bed) => {
      const older = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      // It learns of its twin by its producer first: its own heartbeats come rarely.
      bed.send('in', { key: 'a', value: 1 })
      await bed.drained('in')
      const younger = bed.start({ instanceId: 'a' })
      await bed.until('the younger one runs', () => younger.running.length === 1)
      bed.send('in', { key: 'a', value: 2 })
      await bed.until('the older one has ended', () => older.outcome !== null)
      assert.equal(older.outcome?.exitCode, 1)
      assert.match(older.fault, /instance id/)
      assert.equal(older.wire.of('InitProducerId').filter(({ body }) => body.producerId === -1).length, 1, 'its start')
      await bed.drained('in')
      assert.equal(younger.outcome, null)
      assertOnce(bed)
    }))

  test('FENCED_INSTANCE_ID in answer to the question ends the process', () =>
    onBed({ topology: numbers }, async (bed) => {
      const a = bed.start({ instanceId: 'a' })
      await bed.until('it runs', running(bed, 1))
      a.wire.plan({ api: 'Produce', fault: refusedWith(errorCode.PRODUCER_FENCED) })
      a.wire.plan({ api: 'Heartbeat', fault: heartbeatSays(errorCode.FENCED_INSTANCE_ID), when: () => a.wire.hit.length > 0 })
      bed.send('in', { key: 'a', value: 1 })
      await bed.until('it has ended', () => a.outcome !== null)
      assert.equal(a.outcome?.exitCode, 1)
      assert.match(a.fault, /another process has this instance id|instance id/)
      assert.deepEqual(after(a, ['InitProducerId']), [])
    }))
})

test('P8: who is stopped before its producer was initialised does not join', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    const failing = { throttleTimeMs: 0, errorCode: errorCode.UNKNOWN_SERVER_ERROR, producerId: -1, producerEpoch: -1 }
    a.wire.plan({ api: 'InitProducerId', fault: { kind: 'answer', answer: failing }, times: Number.POSITIVE_INFINITY })
    await bed.until('it tries', () => a.wire.hit.length > 1)
    await bed.stop(a)
    assert.equal(a.fault, '')
    assert.deepEqual(a.wire.of('JoinGroup'), [])
  }))

test('P4: an error that fences nobody is settled by renewing, however often it is asked for', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 1))
    a.wire.plan({ api: 'EndTxn', fault: { kind: 'lose-answer' } })
    a.wire.plan({ api: 'InitProducerId', fault: { kind: 'lose-answer' }, times: 2 })
    bed.send('in', { key: 'a', value: 1 })
    await bed.drained('in')
    await bed.until('it is settled', () => a.wire.isOver && a.running.length === 1)
    assert.deepEqual([...new Set(after(a, ['InitProducerId']))], ['InitProducerId(own)'])
    bed.send('in', { key: 'a', value: 2 })
    await bed.drained('in')
    assertOnce(bed)
  }))

test('P12: a store that was taken over is acquired again only after a heartbeat that was sent since was answered', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a', store: 'scripted' })
    await bed.until('it runs', running(bed, 1))
    bed.send('in', { key: 'a', value: 1 })
    await bed.drained('in')
    let acquired = 0
    await bed.store.backend(bed.clock).acquire(store, bed.prepared.plan.changelogOf('total'))
    bed.store.fault = (script) => {
      if (script === 'acquire') acquired += 1
      return 'none'
    }
    const heartbeat = held('hold')
    a.wire.plan({ api: 'Heartbeat', fault: heartbeat.fault, times: Number.POSITIVE_INFINITY })
    bed.send('in', { key: 'a', value: 2 }, { key: 'b', value: 1 })
    await bed.pass(3000)
    assert.equal(acquired, 0)
    const initialised = a.wire.of('InitProducerId').length
    a.wire.clear()
    heartbeat.release()
    bed.send('in', { key: 'a', value: 3 })
    await bed.drained('in')
    assert.equal(acquired, 1)
    assert.ok(
      a.wire
        .of('InitProducerId')
        .slice(initialised)
        .every(({ body }) => body.producerId !== -1),
    )
    assertOnce(bed)
  }))

test('a fault that ends the process leaves no transaction open behind it: readers need not wait for its time-out', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 1))
    a.wire.plan({ api: 'Produce', fault: refusedWith(errorCode.MESSAGE_TOO_LARGE) })
    bed.send('in', { key: 'a', value: 1 })
    await bed.until('it has ended', () => a.outcome !== null)
    assert.equal(a.outcome?.exitCode, 1)
    assert.deepEqual(
      a.wire.of('EndTxn').map(({ body }) => body.committed),
      [false],
    )
    assert.deepEqual(bed.kafka.openTransactions(), [])
  }))

test('P12: so is one that was taken over while it was being restored', () =>
  onBed({ topology: numbers }, async (bed) => {
    bed.send('in', { key: 'a', value: 1 })
    let acquired = 0
    const heartbeat = held('hold')
    bed.store.fault = (script) => {
      if (script === 'acquire') acquired += 1
      if (script === 'rebuild' && acquired === 1) {
        a.wire.plan({ api: 'Heartbeat', fault: heartbeat.fault, times: Number.POSITIVE_INFINITY })
        void bed.store.acquire(store, { nonce: 'twin', topicId: 'T' })
      }
      return 'none'
    }
    const a = bed.start({ instanceId: 'a', store: 'scripted' })
    await bed.until('it was taken over', () => acquired === 2)
    await bed.pass(3000)
    assert.equal(acquired, 2, 'its own, and that of the other')
    a.wire.clear()
    heartbeat.release()
    await bed.drained('in')
    assert.equal(acquired, 3)
    assertOnce(bed)
  }))

test('P3: the room that a dead batch had reserved in the apply queue is free again', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a', store: 'scripted', settings: { applyQueueBytesMax: 10 } })
    await bed.until('it runs', running(bed, 1))
    a.wire.plan({ api: 'Produce', fault: { kind: 'lose-answer' } })
    bed.send('in', { key: 'a', value: 1 })
    await bed.drained('in')
    assertOnce(bed)
  }))
