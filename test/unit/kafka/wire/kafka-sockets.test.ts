import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../../service/errors.ts'
import { checkVersion } from '../../../../service/kafka/wire/kafka-sockets.ts'

test('another kafkajs than the one that was proved is refused', () => {
  checkVersion({ version: '2.2.4' })
  assert.throws(() => checkVersion({ version: '2.3.0' }), ConfigurationError)
})
