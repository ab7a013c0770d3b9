import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf } from '../../../service/cli/failure.ts'
import { ConfigurationError, FatalError, StoppedError } from '../../../service/errors.ts'

test('usage and configuration: 2, all defects', () => {
  assert.deepEqual(failureOf(new ConfigurationError(['a'])), { exitCode: 2, text: 'caudal: a' })
  const text = 'caudal: 2 defects; nothing was started\n  - a\n  - b'
  assert.deepEqual(failureOf(new ConfigurationError(['a', 'b'])), { exitCode: 2, text })
})

test('a fault: 1, its message', () => {
  assert.deepEqual(failureOf(new FatalError('the broker is gone')), { exitCode: 1, text: 'caudal: the broker is gone' })
})

test('a stop while starting: 0, without a word', () => {
  assert.deepEqual(failureOf(new StoppedError('stopped')), { exitCode: 0, text: '' })
})

test('a fault of caudal itself comes with its stack', () => {
  const { exitCode, text } = failureOf(new TypeError('x is not a function'))
  assert.equal(exitCode, 1)
  assert.match(text, /report it.\nTypeError: x is not a function\n {4}at /)
})
