import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Duration, durationMs, durationText } from '../../service/duration.ts'
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
    // As a product of doubles 1004.9999999999999.
    ['1.005 seconds', 1_005],
    ['0.3 ms', 0.3],
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

test('a duration is written in the largest unit of which it is a whole number', () => {
  const expected: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [1, '1 ms'],
    [1_500, '1500 ms'],
    [1_000, '1 second'],
    [90_000, '90 seconds'],
    [5_400_000, '90 minutes'],
    [3_600_000, '1 hour'],
    [172_800_000, '2 days'],
  ]
  for (const [ms, text] of expected) {
    assert.equal(durationText(ms), text)
    assert.equal(durationMs(text as Duration, 'x'), ms)
  }
})
