import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Duration, durationMs } from '../../service/duration.ts'
import { ConfigurationError } from '../../service/errors.ts'

test('numbers are milliseconds, texts have a unit', () => {
  const expected: readonly (readonly [Duration, number])[] = [
    [0, 0],
    [1.5, 1.5],
    ['100 ms', 100],
    ['10 s', 10_000],
    ['1 second', 1_000],
    ['2 minutes', 120_000],
    ['1 hour', 3_600_000],
    ['0.5 days', 43_200_000],
  ]
  for (const [duration, ms] of expected) assert.equal(durationMs(duration, 'x'), ms)
})

test('what is not finite, negative or no duration is refused with the name of the option', () => {
  const wrong = [
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '-1 ms',
    '1 fortnight',
    '1 toString',
    'soon',
    '10seconds',
    '',
    undefined,
    null,
  ]
  for (const duration of wrong) {
    assert.throws(
      () => durationMs(duration as Duration, 'trigger.every'),
      (error) => error instanceof ConfigurationError && error.message.startsWith('trigger.every is '),
    )
  }
})
