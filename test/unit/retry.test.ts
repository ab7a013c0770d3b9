import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../service/clock.ts'
import { ConnectionError, StoppedError } from '../../service/errors.ts'
import { Again, pauseMs, retry } from '../../service/retry.ts'

/** Time passes by sleeping alone. */
function sleepyClock(): Clock & { readonly slept: number[] } {
  let time = 0
  const slept: number[] = []
  const sleep = (ms: number) => {
    time += ms
    slept.push(ms)
    return Promise.resolve()
  }
  return { slept, sleep, now: () => time, monotonic: () => time, random: () => 1, id: () => 'id' }
}

test('repeats until an attempt is final, with growing pauses, and tells of each', async () => {
  const clock = sleepyClock()
  let [attempts, progress] = [0, 0]
  const result = await retry(clock, { withinMs: 1000, progress: () => progress++ }, () => {
    attempts++
    return Promise.resolve(attempts < 4 ? new Again(new ConnectionError('not yet')) : 'done')
  })
  assert.equal(result, 'done')
  assert.deepEqual(clock.slept, [20, 40, 80])
  assert.equal(progress, 4)
})

test('throws the last error when the time is up', async () => {
  const clock = sleepyClock()
  await assert.rejects(
    retry(clock, { withinMs: 1000 }, () => Promise.resolve(new Again(new ConnectionError('away')))),
    (error) => error instanceof ConnectionError && error.message === 'away',
  )
  assert.ok(clock.monotonic() <= 1000)
})

test('an abort ends the wait', async () => {
  const stop = new AbortController()
  stop.abort()
  await assert.rejects(
    retry(sleepyClock(), { withinMs: 1000, signal: stop.signal }, () => Promise.resolve(new Again(new ConnectionError('away')))),
    StoppedError,
  )
})

test('a pause is bounded and never zero', () => {
  assert.equal(pauseMs({ ...sleepyClock(), random: () => 0 }, 0), 10)
  assert.equal(pauseMs(sleepyClock(), 1000), 500)
})
