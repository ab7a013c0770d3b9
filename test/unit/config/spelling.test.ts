import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  environmentName,
  flagName,
  givenKeys,
  keyByEnvironmentName,
  keyByFlagName,
  nearest,
} from '../../../service/config/spelling.ts'
import { sandboxKinds } from '../../../service/sandbox/sandbox.ts'
import { settings } from '../../../service/config/settings.ts'

test('a key has one name in three spellings', () => {
  assert.equal(environmentName('kafka.brokers'), 'CAUDAL_KAFKA_BROKERS')
  assert.equal(flagName('kafka.brokers'), 'kafka-brokers')
  assert.equal(environmentName('kafka.sessionTimeoutMs'), 'CAUDAL_KAFKA_SESSION_TIMEOUT_MS')
  assert.equal(flagName('kafka.sasl.passwordFile'), 'kafka-sasl-password-file')
})

test('no two keys share a spelling', () => {
  assert.equal(keyByEnvironmentName.size, givenKeys.length)
  assert.equal(keyByFlagName.size, givenKeys.length)
})

test('the nearest name is suggested, and none where none is near', () => {
  assert.equal(nearest('workes', ['workers', 'logLevel']), 'workers')
  assert.equal(nearest('WORKERS', ['workers', 'logLevel']), 'workers')
  assert.equal(nearest('zzzzzzzz', ['workers', 'logLevel']), undefined)
})

test('sandbox.kind offers what the sandbox has', () => {
  assert.equal(settings.sandbox.kind.expects, `one of ${sandboxKinds.join(', ')}`)
})
