import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { firstEnd, lastEnd } from '../../../service/windows/aligned.ts'

const startsOf = (time: number, sizeMs: number, advanceMs: number, offsetMs = 0): readonly number[] => {
  const windows = { sizeMs, advanceMs, offsetMs }
  const starts: number[] = []
  for (let end = firstEnd(time, windows); end <= lastEnd(time, windows); end += advanceMs) starts.push(end - sizeMs)
  return starts
}

describe('aligned windows', () => {
  test('hopping windows that a time lies in', () => {
    assert.deepEqual(startsOf(21, 12, 5), [10, 15, 20])
    assert.deepEqual(startsOf(0, 10, 5), [-5, 0])
  })

  test('the end is exclusive, and starts before the epoch are as good as any', () => {
    assert.deepEqual(startsOf(9, 10, 10), [0])
    assert.deepEqual(startsOf(10, 10, 10), [10])
    assert.deepEqual(startsOf(-1, 10, 10), [-10])
    assert.deepEqual(startsOf(-10, 10, 10), [-10])
  })

  test('an offset shifts the alignment', () => {
    const [day, zone] = [86_400_000, -3_600_000]
    assert.deepEqual(startsOf(-3_600_000, day, day, zone), [-3_600_000])
    assert.deepEqual(startsOf(-3_600_001, day, day, zone), [-3_600_000 - day])
  })

  test('are all windows that hold the time, each once', () => {
    const time = fc.integer({ min: -100_000, max: 100_000 })
    const sizes = fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }))
      .map(([one, other]) => [Math.max(one, other), Math.min(one, other)] as const)
    fc.assert(
      fc.property(time, sizes, fc.integer({ min: -600, max: 600 }), (at, [size, advance], offset) => {
        const expected: number[] = []
        for (let start = at - size + 1; start <= at; start++) {
          if ((((start - offset) % advance) + advance) % advance === 0) expected.push(start)
        }
        assert.deepEqual(startsOf(at, size, advance, offset), expected)
      }),
    )
  })
})
