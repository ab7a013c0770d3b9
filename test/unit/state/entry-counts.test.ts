import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { CountedEntries } from '../../../service/state/entry-counts.ts'

it('knows the least time, and the times up to one, whatever comes and goes', () => {
  const change = fc.record({ time: fc.integer({ min: -5, max: 5 }), grows: fc.boolean() })
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: -5, max: 5 })), fc.array(change), (start, changes) => {
      const counts = new Map(start.map((time) => [time, 2]))
      const buckets = new CountedEntries()
      buckets.reset({ keyed: 3, buckets: start.map((time) => ({ time, entries: 2 })) })
      for (const { time, grows } of changes) {
        const count = counts.get(time) ?? 0
        if (!grows && count === 0) continue
        counts.set(time, count + (grows ? 1 : -1))
        if (grows) buckets.add(time)
        else buckets.remove(time)
        const times = [...counts].flatMap(([one, left]) => (left > 0 ? [one] : [])).sort((a, b) => a - b)
        assert.equal(
          buckets.all,
          [...counts.values()].reduce((sum, left) => sum + left, 3),
        )
        assert.deepEqual([buckets.first, buckets.size, buckets.entries(time)], [times[0], times.length, counts.get(time)])
        for (const limit of [time, time + 0.5, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
          assert.deepEqual(
            buckets.upTo(limit),
            times.filter((one) => one <= limit),
          )
        }
      }
    }),
  )
})

it('is walked through while its buckets go', () => {
  const buckets = new CountedEntries()
  for (const time of [3, 1, 2]) buckets.add(time)
  const seen: number[] = []
  for (const time of buckets.upTo(2)) {
    seen.push(time)
    buckets.remove(time)
  }
  assert.deepEqual([seen, buckets.first, buckets.size], [[1, 2], 3, 1])
})
