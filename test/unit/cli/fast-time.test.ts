import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastTime, fastTimeStart } from '../../../service/cli/fast-time.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'

const [minuteMs, dayMs] = [60_000, 24 * 3_600_000]

test('ten minutes pass in a second', () => {
  const clock = new ManualClock(60 * dayMs)
  const now = fastTime(clock, 3 * dayMs)
  assert.equal(now(), 3 * dayMs)
  clock.advanceMonotonic(1_000)
  assert.equal(now(), 3 * dayMs + 10 * minuteMs)
  clock.advanceMonotonic(6_000)
  assert.equal(now(), 3 * dayMs + 70 * minuteMs)
})

test('it begins at a midnight, long before now, and stays with the clock when it has caught up', () => {
  const clock = new ManualClock(100 * dayMs + 7 * minuteMs)
  assert.equal(fastTimeStart(clock.now()), 40 * dayMs)
  const now = fastTime(clock, clock.now() - minuteMs)
  clock.advanceMonotonic(1_000)
  assert.equal(now(), clock.now())
})
