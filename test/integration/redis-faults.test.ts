/**
 * Redis fails under running workers: paused, killed, emptied. Work goes on, no total is ever wrong, what Redis lost is rebuilt, and the
 * group doesn't notice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisHoldsTotals } from '../support/expectations.ts'
import { deleteFromRedis, flushRedis } from '../support/redis-contents.ts'
import { RedisServer } from '../support/redis-server.ts'
import { noKafka } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const sessionTimeoutMs = 2_500

test('Redis fails while records flow', { skip: noKafka }, async (test) => {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  const flags = { 'kafka-session-timeout-ms': sessionTimeoutMs, 'kafka-heartbeat-interval-ms': 500 }
  const stage = await Stage.set({ test, name: 'redis', redisUrl: redis.url, instances: ['a', 'b'], flags })
  const { input, application, workers, partitions } = stage
  for (const worker of workers) worker.start()
  input.flow(1_500)
  await stage.settled()
  await stage.processes(1_000)
  const members = await stage.members()

  /** Work goes on; once the input pauses, Redis comes to hold what it should; and nobody left the group meanwhile. */
  const recovers = async () => {
    await stage.processes(1_000)
    await stage.drained()
    const isRight = () => redisHoldsTotals(redis.url, application, input)
    await stage.until(isRight, 'Redis holds the totals')
    assert.deepEqual(await stage.members(), members, 'the members, their generation and their tasks are the same')
    input.flow(1_500)
  }

  await test.test('it is paused for longer than a session: what is cached needs no Redis', async () => {
    redis.signal('SIGSTOP')
    const since = performance.now()
    await stage.processes(1_000)
    await stage.until(() => performance.now() - since > 2 * sessionTimeoutMs, 'two sessions have passed')
    redis.signal('SIGCONT')
    await recovers()
  })

  await test.test('it is killed, and starts again empty after more than a session', async () => {
    await redis.kill()
    const since = performance.now()
    await stage.until(() => performance.now() - since > 2 * sessionTimeoutMs, 'two sessions have passed')
    await redis.startAgain()
    await recovers()
  })

  await test.test('the entries of one store partition are lost', async () => {
    const deleted = await Promise.all(
      Array.from({ length: partitions }, (_, partition) => deleteFromRedis(redis.url, `{${application}:sums:${partition}}:k`)),
    )
    assert.equal(
      deleted.reduce((sum, count) => sum + count),
      partitions,
    )
    await recovers()
  })

  await test.test('everything is flushed', async () => {
    await flushRedis(redis.url)
    await recovers()
  })

  await test.test('in the end every record counts once', () => stage.finish())
})
