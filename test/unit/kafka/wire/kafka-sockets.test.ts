import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../../service/errors.ts'
import { checkVersion, kafkaSockets } from '../../../../service/kafka/wire/kafka-sockets.ts'
import { silentLog } from '../../../../service/log.ts'

test('another kafkajs than the one that was proved is refused', () => {
  checkVersion({ version: '2.2.4' })
  assert.throws(() => checkVersion({ version: '2.3.0' }), ConfigurationError)
})

test('behind TLS, bytes that are no message end the connection and not the process', async () => {
  const make = kafkaSockets({ clientId: 'test', ssl: true, connectionTimeoutMs: 1_000, log: silentLog })
  for (const length of [0, 1, 3]) {
    const { connection } = await make('127.0.0.1', 1)
    let ended: unknown
    Object.assign(connection, { socket: { destroy: (error: unknown) => (ended = error) } })
    const bytes = Buffer.alloc(20)
    bytes.writeInt32BE(length)
    connection.processData(bytes)
    assert.ok(ended instanceof Error, `a length of ${length}`)
  }
})
