/** Which partitions are told to hold windows open: silent ones that may not be idle, where the watermark waits for them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noMetrics } from '../../../service/metrics.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { HeldWatermarks } from '../../../service/runtime/held-watermarks.ts'
import type { FromWorker } from '../../../service/runtime/seam.ts'
import { silentLog } from '../../../service/log.ts'
import { timekeeperBed as bed } from './timekeeper-bed.ts'

const minute = 60_000

describe('a partition that the watermark waits for', () => {
  test('is one without which it would be greater: read to its end, and never idle', () => {
    const { keeper, observe } = bed({ one: false, other: false })
    keeper.sourceOf('other', 0).see(100)
    assert.deepEqual(observe(2 * minute), [['one', 2 * minute]])
    keeper.sourceOf('one', 0).see(500)
    assert.deepEqual(observe(3 * minute), [['other', 3 * minute]])
    keeper.sourceOf('other', 0).see(1000)
    assert.deepEqual(observe(4 * minute), [['one', 4 * minute]])
    keeper.endOfSources()
    assert.deepEqual(observe(5 * minute), [])
  })

  test('is not one that lags, has records that wait, or may be idle', () => {
    const { keeper, feedOf, observe } = bed({ one: false, other: false })
    keeper.sourceOf('other', 0).see(100)
    const one = feedOf('one')
    one.highWatermark = 6
    assert.deepEqual(observe(minute), [])
    one.position = one.lastStableOffset = 6
    assert.deepEqual(observe(2 * minute), [], 'its silence begins here')
    one.chunks.push('records')
    assert.deepEqual(observe(3 * minute), [])
    one.chunks.pop()
    assert.deepEqual(observe(4 * minute), [['one', minute]])
    const idle = bed({ one: '1 minute', other: '1 minute' })
    idle.keeper.sourceOf('other', 0).see(100)
    assert.deepEqual(idle.observe(4 * minute), [])
  })

  test('is silent for as long as a broker says so: one that is cut off may have records', () => {
    const { keeper, feedOf, observe } = bed({ one: false, other: false })
    keeper.sourceOf('other', 0).see(100)
    observe(minute)
    keeper.observe(10 * minute)
    assert.deepEqual([feedOf('one').answeredAt, keeper.quiet()[0]?.forMs], [minute, minute])
  })
})

describe('it is told', () => {
  function told() {
    const clock = new ManualClock(1_000_000)
    const figures: [number, unknown][] = []
    const warnings: object[] = []
    const posted: FromWorker[] = []
    const held = new HeldWatermarks({
      clock,
      log: { ...silentLog, warn: (fields) => void warnings.push(fields) },
      metrics: { ...noMetrics, set: (name, value, labels) => void figures.push([value, { name, ...labels }]) },
      post: (message) => void posted.push(message),
    })
    const look = (...forMs: readonly number[]) => held.look(forMs.map((ms, partition) => ({ topic: 'in', partition, forMs: ms })))
    const pass = (ms: number) => {
      clock.advanceMonotonic(ms)
      clock.setWall(clock.now() + ms)
    }
    return { look, pass, figures, warnings, posted }
  }
  const labels = { name: 'caudal_watermark_held_seconds', topic: 'in', partition: '0' }

  test('after a minute, by a figure at each look, a log line every ten minutes, and a message when it begins', () => {
    const { look, pass, figures, warnings, posted } = told()
    look(minute - 1)
    assert.deepEqual([figures, warnings, posted], [[], [], []])
    look(minute)
    const since = 1_000_000 - minute
    assert.deepEqual(figures, [[60, labels]])
    assert.deepEqual(warnings, [{ topic: 'in', partition: 0, since: new Date(since).toISOString() }])
    assert.deepEqual(posted, [{ kind: 'held', partitions: [{ topic: 'in', partition: 0, since }] }])
    pass(599_999)
    look(minute + 599_999)
    assert.equal(warnings.length, 1)
    pass(1)
    look(minute + 600_000)
    assert.equal(warnings.length, 2)
    assert.equal(warnings[1] && 'since' in warnings[1] && warnings[1].since, new Date(since).toISOString())
    assert.deepEqual([figures.at(-1), posted.length], [[660, labels], 1])
  })

  test('and that it is over', () => {
    const { look, figures, posted } = told()
    look(2 * minute)
    look()
    assert.deepEqual(figures.at(-1), [0, labels])
    assert.deepEqual(posted.at(-1), { kind: 'held', partitions: [] })
    look()
    assert.deepEqual([figures.length, posted.length], [2, 2])
  })
})
