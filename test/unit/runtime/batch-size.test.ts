/** Transactions that take too long make batches smaller, and those that do not let them grow again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { BatchSize } from '../../../service/runtime/batch-size.ts'
import type { Sent } from '../../support/faulty-wire.ts'
import { assertOnce, numbers } from '../../support/numbers.ts'
import { onBed, running } from '../../support/process-bed.ts'

const recordsMax = 1_000
const transactionTimeoutMs = 10_000

function sized() {
  const clock = new ManualClock(0)
  const size = new BatchSize({ recordsMax, transactionTimeoutMs, clock })
  const transaction = (records: number, ms: number, how: 'committed' | 'failed') => {
    size.opened(records)
    clock.advanceMonotonic(ms)
    return size[how]()
  }
  return { size, transaction }
}

test('a transaction that failed late halves the next batch; one that failed early does not', () => {
  const { size, transaction } = sized()
  assert.equal(transaction(400, 4_000, 'failed'), false)
  assert.equal(size.recordsMax, recordsMax)
  assert.equal(transaction(400, 6_000, 'failed'), true)
  assert.equal(size.recordsMax, 200)
})

test('one that was committed, but took more than half of its time, halves it too', () => {
  const { size, transaction } = sized()
  transaction(400, 5_001, 'committed')
  assert.equal(size.recordsMax, 200)
})

test('where a smaller batch takes as long, the time is not that of its records, and they are not made fewer for it', () => {
  const { size, transaction } = sized()
  let [records, ms, failures] = [0, 0, 0]
  for (let i = 0; i < 100; i++) {
    const batch = size.recordsMax
    // Most of it is the same for any number of records, as on a slow line with large rows of state.
    const takes = 6_000 + 8 * batch
    const isTooLong = takes > transactionTimeoutMs
    transaction(batch, takes, isTooLong ? 'failed' : 'committed')
    if (isTooLong) failures += 1
    else records += batch
    ms += takes
  }
  // The most that goes through: 500 records in 10 s.
  assert.ok(records / ms > 0.5 * (500 / 10_000), `${records} records in ${ms} ms`)
  assert.ok(failures <= 3, `${failures} failures`)
})

test('once they are quick again, half of the time is the bound again', () => {
  const { size, transaction } = sized()
  transaction(400, 6_000, 'committed')
  transaction(200, 6_000, 'committed')
  assert.equal(size.recordsMax, 250, 'fewer records did not help')
  transaction(250, 1_000, 'committed')
  const before = size.recordsMax
  transaction(before, 6_000, 'committed')
  assert.equal(size.recordsMax, Math.floor(before / 2))
})

test('it is never less than a record, and grows back to what was set', () => {
  const { size, transaction } = sized()
  for (let i = 0; i < 5; i++) transaction(1, 20_000, 'failed')
  assert.equal(size.recordsMax, 1)
  const sizes = [size.recordsMax]
  for (let i = 0; i < 60; i++) {
    transaction(size.recordsMax, 10, 'committed')
    sizes.push(size.recordsMax)
  }
  assert.deepEqual(sizes.slice(0, 6), [1, 2, 3, 4, 5, 7])
  assert.equal(size.recordsMax, recordsMax)
})

test('a failure without an open transaction says nothing, nor does one without records', () => {
  const { size, transaction } = sized()
  transaction(10, 10, 'committed')
  assert.equal(size.failed(), false)
  assert.equal(transaction(0, 20_000, 'failed'), false)
  assert.equal(size.recordsMax, recordsMax)
})

const countOf = ({ body }: Sent<'Produce'>): number =>
  Math.max(...body.topicData.flatMap(({ partitionData }) => partitionData.map(({ records }) => records?.readInt32BE(57) ?? 0)))

test('where large transactions take longer than their time-out, small ones go through', () =>
  onBed({ topology: numbers }, async (bed) => {
    const a = bed.start({ instanceId: 'a' })
    await bed.until('it runs', running(bed, 1))
    a.wire.onSent = (sent) => {
      if (sent.api !== 'Produce' || countOf(sent as Sent<'Produce'>) <= 100) return
      a.wire.plan({ api: 'Produce', fault: { kind: 'hold-answer', until: bed.clock.sleep(1.2 * transactionTimeoutMs) } })
    }
    bed.send('in', ...Array.from({ length: 400 }, (_, i) => ({ key: `key-${i}`, value: i })))
    await bed.drained('in')
    assert.ok(a.logged.some(({ message }) => message.includes('smaller batches')))
    assertOnce(bed)
    a.wire.onSent = () => {}
    const from = a.wire.sent.length
    for (let i = 0; i < 30; i++) {
      bed.send('in', ...Array.from({ length: 400 }, (_, j) => ({ key: `key-${i}`, value: j })))
      await bed.drained('in')
    }
    assert.ok(
      a.wire.of('Produce').some((sent) => sent.index >= from && countOf(sent) > 200),
      'they grow again',
    )
    assertOnce(bed)
  }))
