import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { endOfTime, TaskTime } from '../../../service/time/task-time.ts'

const never = Number.NEGATIVE_INFINITY
const begin = () => new TaskTime({ committed: never })

describe('TaskTime', () => {
  test('the watermark trails the newest event by the lateness, and never goes back', () => {
    const time = begin()
    const source = time.source(10, never)
    assert.equal(time.value, never)
    for (const [at, watermark] of [
      [100, 90],
      [95, 90],
      [200, 190],
      [0, 190],
    ] as const) {
      source.see(at)
      assert.equal(time.value, watermark)
    }
  })

  test('a record is never late by itself; one that is older than its partition’s watermark carries that', () => {
    const source = begin().source(10, never)
    assert.equal(source.see(100), never)
    assert.equal(source.see(90), never)
    assert.equal(source.see(89), 90)
    assert.equal(source.see(200), never)
    assert.equal(source.see(100), 190)
  })

  test('it is the least of all partitions, and there is none before all are heard of', () => {
    const time = begin()
    const [one, other] = [time.source(0, never), time.source(5, never)]
    one.see(100)
    assert.equal(time.value, never)
    other.see(50)
    assert.equal(time.value, 45)
    other.see(500)
    assert.equal(time.value, 100)
  })

  test('the stamp is that of the record’s own partition, however far the task is', () => {
    const time = begin()
    const [one, other] = [time.source(0, never), time.source(0, never)]
    one.see(100)
    other.see(10)
    assert.equal(time.value, 10)
    assert.equal(one.see(50), 100)
    assert.equal(other.see(50), never)
  })

  test('idle partitions are left out; one that comes back holds what it has, and takes nothing back', () => {
    const time = begin()
    const [one, other] = [time.source(0, never), time.source(0, never)]
    one.see(100)
    other.becomeIdle()
    assert.equal(time.value, 100)
    assert.equal(time.isIdle, false)
    other.becomeActive()
    other.see(20)
    one.see(200)
    assert.equal(time.value, 100)
    other.see(300)
    assert.equal(time.value, 200)
  })

  test('when all are idle it moves by elapsed time from where it stood', () => {
    const time = begin()
    const [one, other] = [time.source(0, never), time.source(0, never)]
    one.see(100)
    other.see(80)
    one.becomeIdle()
    time.drift(1000)
    assert.equal(time.value, 80)
    other.becomeIdle()
    time.drift(5000)
    assert.equal(time.value, 80)
    time.drift(5250)
    assert.equal(time.value, 330)
    one.becomeActive()
    one.see(200)
    time.drift(9000)
    assert.equal(time.value, 330)
  })

  test('without any event there is nothing that could move', () => {
    const time = begin()
    time.source(0, never).becomeIdle()
    time.drift(0)
    time.drift(10_000)
    assert.equal(time.value, never)
  })

  test('upstream tasks count like partitions, from their last commit on', () => {
    const time = new TaskTime({ committed: 40 })
    time.upstream('a', 50)
    time.upstream('b', undefined)
    assert.equal(time.value, 40)
    time.heard('b', 60)
    assert.equal(time.value, 50)
    time.heard('a', 'idle')
    assert.equal(time.value, 60)
    assert.deepEqual(time.reports(), { a: 'idle', b: 60 })
    time.heard('b', 55)
    assert.equal(time.value, 60)
  })

  test('an upstream that nobody knew of enters at the present watermark', () => {
    const time = begin()
    time.upstream('a', undefined)
    time.heard('a', 100)
    time.heard('new', 10)
    time.heard('a', 200)
    assert.equal(time.value, 100)
    time.heard('new', 150)
    assert.equal(time.value, 150)
  })

  test('the end of all sources is later than any event', () => {
    const time = begin()
    const [one, other] = [time.source(0, never), time.source(0, never)]
    one.see(2 ** 53)
    other.becomeIdle()
    time.endOfSources()
    assert.equal(time.value, endOfTime)
    assert.equal(JSON.parse(JSON.stringify(time.value)), endOfTime)
  })

  test('stamps depend on the partition’s own records alone', () => {
    const times = fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 50 })
    const order = fc.array(fc.boolean(), { minLength: 100, maxLength: 100 })
    fc.assert(
      fc.property(times, times, order, fc.integer({ min: 0, max: 100 }), (mine, others, turns, lateness) => {
        const alone = begin().source(lateness, never)
        const expected = mine.map((at) => alone.see(at))
        const time = begin()
        const [one, other] = [time.source(lateness, never), time.source(lateness, never)]
        const [left, right] = [[...mine], [...others]]
        const stamps: number[] = []
        let last = never
        for (const turn of turns) {
          const [queue, source] = turn ? ([left, one] as const) : ([right, other] as const)
          const at = queue.shift()
          if (at === undefined) continue
          const stamp = source.see(at)
          if (turn) stamps.push(stamp)
          assert.ok(time.value >= last)
          last = time.value
          // Closing is by the task's watermark, which is never ahead of the partition's own.
          assert.ok(time.value <= source.value)
        }
        assert.deepEqual(stamps, expected.slice(0, stamps.length))
      }),
    )
  })
})
