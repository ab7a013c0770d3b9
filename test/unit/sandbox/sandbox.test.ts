/** Which kind of sandbox is taken, without starting a server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import { startSandbox } from '../../../service/sandbox/sandbox.ts'

const neither = { processes: () => 'there is no Java', docker: async () => 'no Docker engine answers' }

test('given addresses are used as they are', async () => {
  const sandbox = await startSandbox({ kafkaBrokers: ['kafka:9092'], redisUrl: 'redis://redis', progress: () => {} })
  assert.equal(sandbox.kind, 'given')
  assert.deepEqual(sandbox.kafkaBrokers, ['kafka:9092'])
  assert.equal(sandbox.redisUrl, 'redis://redis')
  await sandbox.stop()
})

test('without Java and Docker the in-memory Kafka takes their place, and a line says why', async () => {
  const lines: string[] = []
  const sandbox = await startSandbox({ progress: (line) => lines.push(line) }, neither)
  assert.equal(sandbox.kind, 'memory')
  assert.match(lines.join('\n'), /no Java, and no Docker .* in-memory Kafka/)
})

test('a kind that was asked for and is not to be had is an error', async () => {
  const start = (kind: 'processes' | 'docker' | 'given') => () => startSandbox({ kind, progress: () => {} }, neither)
  await assert.rejects(start('processes'), ConfigurationError)
  await assert.rejects(start('docker'), /no Docker engine answers/)
  await assert.rejects(start('given'), /kafka\.brokers/)
})
