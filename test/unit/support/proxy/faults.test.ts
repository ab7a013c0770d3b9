import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../../service/seeded-random.ts'
import { type Fault, FaultPlan, type Message } from '../../../support/proxy/faults.ts'
import type { ProxyFault } from '../../../support/proxy/kafka-proxy.ts'
import { drawSchedule } from '../../../support/proxy/schedule.ts'

const request = (name: string, fields: Readonly<Record<string, unknown>> = {}): Message => ({
  name,
  at: 'request',
  fits: (where) => Object.entries(where).every(([field, value]) => fields[field] === value),
})
const drop: Fault = { at: 'request', nth: 1, does: { kind: 'drop' } }

test('the n-th message of a name is found, counted from when the fault was planned', () => {
  const plan = new FaultPlan()
  plan.of(request('EndTxn'))
  plan.add([{ name: 'EndTxn', fault: { ...drop, nth: 2 } }])
  const found = ['Produce', 'EndTxn', 'EndTxn', 'EndTxn'].map((name) => plan.of(request(name))?.does.kind ?? null)
  assert.deepEqual(found, [null, null, 'drop', null])
})

test('several in a row, of any name, on one way only', () => {
  const plan = new FaultPlan()
  plan.add([{ name: 'any', fault: { ...drop, times: 2 } }])
  assert.equal(plan.of({ ...request('Fetch'), at: 'answer' }), null)
  assert.deepEqual(
    ['Fetch', 'Produce', 'Fetch'].map((name) => plan.of(request(name)) !== null),
    [true, true, false],
  )
})

test('what does not fit is not counted', () => {
  const plan = new FaultPlan()
  plan.add([{ name: 'EndTxn', fault: { ...drop, where: { committed: true } } }])
  assert.equal(plan.of(request('EndTxn', { committed: false })), null)
  assert.notEqual(plan.of(request('EndTxn', { committed: true })), null)
})

test('of two for one message the first happens, and both have counted it', () => {
  const plan = new FaultPlan()
  plan.add([{ name: 'EndTxn', fault: drop }])
  plan.add([{ name: 'EndTxn', fault: { ...drop, nth: 2, does: { kind: 'cut' } } }])
  assert.deepEqual(
    [plan.of(request('EndTxn')), plan.of(request('EndTxn'))].map((each) => each?.does.kind),
    ['drop', 'cut'],
  )
})

test('what is planned together is hit when each of it has happened', async () => {
  const plan = new FaultPlan()
  const planned = plan.add([
    { name: 'EndTxn', fault: drop },
    { name: 'Produce', fault: drop },
  ])
  plan.of(request('EndTxn'))
  await new Promise(setImmediate)
  assert.equal(planned.isHit, false)
  plan.of(request('Produce'))
  await planned.hit
  assert.equal(planned.isHit, true)
})

test('a cancelled fault does not happen, and lets go what it holds', async () => {
  const plan = new FaultPlan()
  const hold: Fault = { ...drop, times: 2, does: { kind: 'hold' } }
  const planned = plan.add([{ name: 'EndTxn', fault: hold }])
  const held = plan.of(request('EndTxn'))
  planned.cancel()
  await held?.released
  assert.equal(plan.of(request('EndTxn')), null)
})

test('a schedule comes back from its seed, and from its JSON', () => {
  const draw = (seed: number) =>
    drawSchedule<ProxyFault>(seededRandom(seed), {
      count: 20,
      messages: [{ api: 'EndTxn' }, { api: 'Produce' }],
      deeds: [{ kind: 'drop' }, { kind: 'delay', ms: 100 }],
      nthMax: 5,
    })
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
  assert.deepEqual(JSON.parse(JSON.stringify(draw(7))), draw(7))
})
