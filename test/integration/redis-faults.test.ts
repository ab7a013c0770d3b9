/**
 * Redis fails under running workers: it is away, or what it holds is wrong. Work goes on, no total is ever wrong, what Redis lost is
 * rebuilt, and the group doesn't notice.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { redisHoldsTotals } from '../support/expectations.ts'
import { deleteFromRedis, flushRedis, restoreSnapshot, takeOverInRedis, takeSnapshot } from '../support/redis-contents.ts'
import { RedisServer } from '../support/redis-server.ts'
import { noKafka } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const sessionTimeoutMs = 2_500
/** So long that a member without heartbeats is out of the group. */
const pastSessionMs = 1.4 * sessionTimeoutMs
const shutdownTimeoutMs = 4_000
const recordsPerSecond = 1_500

/** Two workers at work on a Redis of their own. */
async function setUp(test: TestContext, ownFlags: Readonly<Record<string, number>>) {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  const timeouts = { 'kafka-session-timeout-ms': sessionTimeoutMs, 'kafka-heartbeat-interval-ms': 500 }
  const flags = { ...timeouts, 'shutdown-timeout-ms': shutdownTimeoutMs, ...ownFlags }
  const stage = await Stage.set({ test, name: 'redis', redisUrl: redis.url, instances: ['a', 'b'], flags })
  const { input, application, workers } = stage
  /** The input pauses, and Redis comes to hold what it should. */
  const comesToRest = async () => {
    await stage.drained()
    await stage.until(() => redisHoldsTotals(redis.url, application, input), 'Redis holds the totals')
  }
  const goesOn = async () => {
    input.flow(recordsPerSecond)
    await stage.processesEverywhere()
  }
  for (const worker of workers) worker.start()
  input.flow(recordsPerSecond)
  await stage.settled()
  await stage.processesEverywhere()
  await comesToRest()
  const members = await stage.members()
  await goesOn()

  /** After a fault all is as if there had been none, and nobody left the group meanwhile. */
  const recovers = async () => {
    await stage.processesEverywhere()
    await comesToRest()
    // The pages may come to know a little later than Redis that a store is whole again.
    await stage.settled()
    assert.deepEqual(await stage.members(), members, 'the members, their generation and their tasks are the same')
    await goesOn()
  }
  return { redis, stage, recovers }
}

/** Resolves when nothing was committed for so long. */
async function standsStill(stage: Stage, forMs: number): Promise<void> {
  let [processed, since] = [await stage.processed(), performance.now()]
  const isStill = async () => {
    const now = await stage.processed()
    if (now > processed) [processed, since] = [now, performance.now()]
    return performance.now() - since > forMs
  }
  await stage.until(isStill, 'nothing is committed')
}

test('Redis is away while records flow', { skip: noKafka }, async (test) => {
  const { redis, stage, recovers } = await setUp(test, {})
  const { input, workers } = stage

  await test.test('for longer than a session: what is cached needs no Redis', async () => {
    redis.signal('SIGSTOP')
    const since = performance.now()
    await stage.until(() => performance.now() - since > pastSessionMs, 'a session has passed')
    await stage.processesEverywhere()
  })

  await test.test('keys that are not cached stop the work, not the heartbeats', async () => {
    input.addKeys(20)
    await standsStill(stage, pastSessionMs)
    redis.signal('SIGCONT')
    await recovers()
  })

  await test.test('it is killed, and starts again empty after more than a session', async () => {
    await redis.kill()
    const since = performance.now()
    await stage.until(() => performance.now() - since > pastSessionMs, 'a session has passed')
    await redis.startAgain()
    await recovers()
  })

  await test.test('workers that stop meanwhile end well, and the next ones bring Redis up to date', async () => {
    redis.signal('SIGSTOP')
    await stage.processes(500)
    await stage.stop()
    redis.signal('SIGCONT')
    for (const worker of workers) worker.start()
    await stage.processes(500)
  })

  await test.test('in the end every record counts once', () => stage.finish())
})

test('what Redis holds is wrong while records flow', { skip: noKafka }, async (test) => {
  // So small a cache holds next to nothing: each batch reads its totals from Redis.
  const { redis, stage, recovers } = await setUp(test, { 'cache-bytes-max': 1_024 })
  const { url } = redis
  const stores = Array.from({ length: stage.partitions }, (_, partition) => `{${stage.application}:sums:${partition}}`)

  await test.test('the entries of all store partitions are lost', async () => {
    const deleted = await Promise.all(stores.map((store) => deleteFromRedis(url, `${store}:k`)))
    assert.deepEqual(deleted, [1, 1, 1, 1])
    await recovers()
  })

  await test.test('it is set back to an older state', async () => {
    const snapshot = await takeSnapshot(url, stage.application)
    await stage.processes(1_000)
    await restoreSnapshot(url, snapshot)
    await recovers()
  })

  await test.test('another takes the stores over', async () => {
    for (const store of stores) await takeOverInRedis(url, `${store}:m`)
    await recovers()
  })

  await test.test('everything is flushed', async () => {
    await flushRedis(url)
    await recovers()
  })

  await test.test('in the end every record counts once', () => stage.finish())
})
