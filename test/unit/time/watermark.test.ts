import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastOf, MergedWatermark } from '../../../service/time/watermark.ts'

const never = Number.NEGATIVE_INFINITY
const at = (value: number, isIdle = false) => ({ value, isIdle })

test('the least is that of those that are not idle, or where all are, of those that have said something', () => {
  assert.equal(leastOf([]), never)
  assert.equal(leastOf([at(5), at(3), at(1, true)]), 3)
  assert.equal(leastOf([at(5), at(never)]), never)
  assert.equal(leastOf([at(5, true), at(3, true), at(never, true)]), 3)
  assert.equal(leastOf([at(never, true)]), never)
})

test('merged watermarks take nothing back when one wakes that lies behind, and begin at what was committed', () => {
  const [one, other] = [at(100), at(20, true)]
  const merged = new MergedWatermark([one, other], never)
  assert.deepEqual([merged.value, merged.isIdle], [100, false])
  other.isIdle = false
  assert.equal(merged.value, 100)
  assert.equal(new MergedWatermark([one, other], never).value, 20)
  assert.equal(new MergedWatermark([one, other], 90).value, 90)
  one.isIdle = other.isIdle = true
  assert.equal(merged.isIdle, true)
})
