/** Which kind of sandbox is taken, without starting a server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import { startSandbox } from '../../../service/sandbox/sandbox.ts'

/** Runs with the environment changed, and puts it back. */
async function withEnvironment<T>(changes: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, changes)
  try {
    return await run()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
const withoutJava = { PATH: '/nowhere', JAVA_HOME: '/nowhere' }

test('given addresses are used as they are', async () => {
  const sandbox = await startSandbox({ kafkaBrokers: ['kafka:9092'], redisUrl: 'redis://redis', progress: () => {} })
  assert.equal(sandbox.kind, 'given')
  assert.deepEqual(sandbox.kafkaBrokers, ['kafka:9092'])
  assert.equal(sandbox.redisUrl, 'redis://redis')
  await sandbox.stop()
})

test('without Java the in-memory Kafka takes its place, and a line says why', async () => {
  const lines: string[] = []
  const sandbox = await withEnvironment(withoutJava, () => startSandbox({ progress: (line) => lines.push(line) }))
  assert.equal(sandbox.kind, 'memory')
  assert.match(lines.join('\n'), /no Java .* in-memory Kafka/)
})

test('a kind that was asked for and is not to be had is an error', async () => {
  const start = (kind: 'processes' | 'given') => () => startSandbox({ kind, progress: () => {} })
  await assert.rejects(withEnvironment(withoutJava, start('processes')), ConfigurationError)
  await assert.rejects(start('given'), /kafka\.brokers/)
})
