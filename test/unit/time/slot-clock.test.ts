import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlotClock } from '../../../service/time/slot-clock.ts'

const begun = { everyMs: 100, lag: 0, spanMs: 0, committed: Number.NEGATIVE_INFINITY }

/** The slots as of each look at the wall clock. */
const slotsAt = (clock: SlotClock, ...times: readonly number[]): readonly number[] =>
  times.map((now) => {
    clock.observe(now)
    return clock.value
  })

test('a slot is told apart by where it begins, and never goes back', () => {
  assert.deepEqual(slotsAt(new SlotClock(begun), -1, 0, 99, 100, 1250, 300, 1300), [-100, 0, 0, 100, 1200, 1200, 1300])
})

test('it goes on from what was committed, whatever the clock says then', () => {
  assert.deepEqual(slotsAt(new SlotClock({ ...begun, committed: 5000 }), 300, 4999, 5100), [5000, 5000, 5100])
})

test('behind repartition topics it is behind by an interval each, but for records that are ahead', () => {
  const clock = new SlotClock({ ...begun, lag: 2 })
  assert.deepEqual(slotsAt(clock, 1000), [800])
  clock.see(700)
  clock.see(Number.NEGATIVE_INFINITY)
  assert.equal(clock.value, 800)
  clock.see(900)
  assert.equal(clock.value, 900)
  assert.deepEqual(slotsAt(clock, 1000, 1100, 1200), [900, 900, 1000])
})

test('at the end of the sources the windows of the newest record are not waited for', () => {
  const clock = new SlotClock({ ...begun, spanMs: 300 })
  clock.observe(1000)
  clock.see(Number.NEGATIVE_INFINITY)
  clock.end()
  assert.deepEqual(slotsAt(clock, 1001, 1100), [1300, 1300])
  clock.see(Number.NEGATIVE_INFINITY)
  assert.deepEqual(slotsAt(clock, 1100, 5000), [1600, 5000])
})
