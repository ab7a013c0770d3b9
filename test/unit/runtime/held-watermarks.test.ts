/** Which partitions are told to hold windows open: silent ones that may not be idle, where the watermark waits for them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { json, stream, topology, tumbling } from '../../../service/index.ts'
import type { Feed } from '../../../service/kafka/feed.ts'
import { noMetrics } from '../../../service/metrics.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { HeldWatermarks } from '../../../service/runtime/held-watermarks.ts'
import type { FromWorker } from '../../../service/runtime/seam.ts'
import type { TakenTask } from '../../../service/runtime/taking.ts'
import { Timekeeper } from '../../../service/runtime/timekeeper.ts'
import { taskId } from '../../../service/task-id.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import { planOf } from '../../../service/topology/plan.ts'
import { silentLog } from '../../../service/log.ts'

const minute = 60_000
type Topic = 'one' | 'other'

/** A task that reads a partition of two topics, both read to their ends, which answers of a broker confirm. */
function bed(idleAfter: { readonly one: false | '1 minute'; readonly other: false | '1 minute' }) {
  const read = (topic: Topic) => stream(topic, { value: json<unknown>(), idleAfter: idleAfter[topic] })
  const counts = read('one').union(read('other')).byKey().window(tumbling(10)).count('counts')
  const graph = graphOf(definitionOf(topology('t', counts.emit('append').to('out', { value: json() }))))
  const topics = ['one', 'other'] as const
  const plan = planOf(graph, 't', new Map([...topics, 'out'].map((topic) => [topic, 1])))
  const feeds = topics.map((topic) => {
    const ends = { position: 5, lastStableOffset: 5, highWatermark: 5 }
    return { topic, partition: 0, ...ends, chunks: [] as unknown[], answeredAt: 0, bufferedBytes: 0, error: null }
  })
  const taken = { id: taskId(0, 0), progress: null, watermarks: new Map() } as unknown as TakenTask
  const keeper = Timekeeper.of(plan, taken, { feeds: feeds as unknown as readonly Feed[], now: 0 })
  assert.ok(keeper)
  const feedOf = (topic: Topic) => feeds[topics.indexOf(topic)] as (typeof feeds)[number]
  const observe = (now: number) => {
    for (const feed of feeds) feed.answeredAt = now
    keeper.observe(now)
    return keeper.quiet().map(({ topic, forMs }) => [topic, forMs])
  }
  return { keeper, feedOf, observe }
}

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
