import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { dueBucket } from '../../../service/windows/due-buckets.ts'

const hour = 3_600_000

describe('buckets of due times', () => {
  test('lie between the watermark and the due, and near the due', () => {
    const times = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 })
    fc.assert(
      fc.property(times, times, (one, other) => {
        const [watermark, due] = [Math.min(one, other), Math.max(one, other)]
        const bucket = dueBucket(due, watermark)
        assert.ok(Number.isInteger(bucket) && bucket >= watermark && bucket <= due)
        assert.ok(due - bucket <= (due - watermark) / 256)
      }),
    )
  })

  test('are exact where little time is left', () => {
    assert.equal(dueBucket(511, 0), 511)
    assert.equal(dueBucket(7, 7), 7)
  })

  test('are there before event time is known', () => {
    assert.equal(dueBucket(hour, Number.NEGATIVE_INFINITY), 13 * 2 ** 18)
    assert.equal(dueBucket(-1, Number.NEGATIVE_INFINITY), -(2 ** 18))
  })

  test('are some hundred, however long windows are open', () => {
    for (const span of [1000, 10_000, hour, 30 * 24 * hour]) {
      const open = new Set<number>()
      const step = Math.ceil(span / 5000)
      for (let now = 0; now <= 3 * span; now += step) {
        open.add(dueBucket(now + span, now))
        for (const bucket of open) if (bucket < now) open.delete(bucket)
        assert.ok(open.size <= Math.max(514, span / 2 ** 18 + 2), `${open.size} buckets for ${span} ms`)
      }
    }
  })
})
