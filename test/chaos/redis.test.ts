/**
 * Redis fails under running workers in every way that leaves something wrong behind, or nothing: it only ever follows, so the output is as if
 * nothing had happened, nobody leaves the group, and in the end it holds what the changelogs say.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type TestContext, test } from 'node:test'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import type { ChaosTopology } from '../support/checker/answers.ts'
import { tellResult } from '../support/gaps.ts'
import {
  askRedis,
  cutOffReplica,
  deleteFromRedis,
  dumpOfOthers,
  flushRedis,
  followRedis,
  limitRedis,
  promoteReplica,
} from '../support/redis-contents.ts'
import { RedisServer } from '../support/redis-server.ts'
import { noKafka } from '../support/servers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const perSecond = isLong ? 1_000 : 400
/** So many records are committed before a fault, between its steps and after it. */
const some = isLong ? 3_000 : 300
const rounds = isLong ? 3 : 1
const pausedMs = isLong ? 20_000 : 6_500

interface Scene {
  readonly stage: ChaosStage
  readonly redis: RedisServer
  /** Takes the place of the one that is killed. */
  readonly replica: () => Promise<RedisServer>
}

interface RedisFault {
  readonly what: string
  readonly happens: (scene: Scene) => Promise<void>
}

const storesOf = ({ stage }: Scene): readonly string[] => {
  const store = { running: 'running', windowed: 'seconds', sessions: 'sessions', copy: '' }[stage.topology]
  return Array.from({ length: stage.partitions }, (_, partition) => `{${stage.application}:${store}:${partition}}`)
}

const lasts: readonly RedisFault[] = [
  {
    what: `paused for ${pausedMs / 1000} s, longer than the session`,
    happens: async ({ redis }) => {
      redis.signal('SIGSTOP')
      // The fault is how long it lasts, not what comes of it.
      await delay(pausedMs)
      redis.signal('SIGCONT')
    },
  },
  {
    what: 'out of memory, and back',
    happens: async ({ stage, redis }) => {
      await limitRedis(redis.url, 1)
      // What has no room in Redis yet is kept in memory: the work goes on.
      await stage.processes(some)
      await limitRedis(redis.url, 0)
    },
  },
  {
    what: 'the entries of each store partition deleted',
    happens: async (scene) => {
      for (const store of storesOf(scene)) await deleteFromRedis(scene.redis.url, `${store}:k`)
    },
  },
  {
    what: 'what is known of a store partition deleted',
    happens: async (scene) => {
      for (const store of storesOf(scene)) await deleteFromRedis(scene.redis.url, `${store}:m`)
    },
  },
]

const losses: readonly RedisFault[] = [
  { what: 'FLUSHALL', happens: async ({ redis }) => void (await flushRedis(redis.url)) },
  {
    what: 'killed, and empty when it is back',
    happens: async ({ redis }) => {
      await redis.kill()
      await redis.startAgain()
    },
  },
  {
    what: 'killed, and back with the files of an older state',
    happens: async ({ stage, redis }) => {
      redis.keepData()
      await stage.processes(some)
      await redis.kill()
      await redis.startFromKept()
    },
  },
]

/** The last one: who is killed here does not come back. */
const failover: RedisFault = {
  what: 'a failover to a replica that lags',
  happens: async ({ stage, redis, replica }) => {
    const next = await replica()
    await followRedis(next.url, redis.url)
    await cutOffReplica(next.url)
    await stage.processes(some)
    await redis.kill()
    await promoteReplica(next.url, redis.url)
  },
}

/** Keys of other programs that look like ours: of another application, of the same name without braces, of other types. */
async function others({ stage, redis }: Scene): Promise<void> {
  const { application } = stage
  for (const [command, key, ...args] of [
    ['HSET', `{${application}-eu:running:0}:k`, 'field', 'value'],
    ['HSET', `{${application}-eu:running:0}:m`, 'epoch', '1:x'],
    ['SET', `${application}:running:0`, 'text'],
    ['SET', `{${application}}:running:0}:k`, 'text'],
    ['RPUSH', `{{${application}:running:0}}:k`, 'element'],
    ['ZADD', `${application}`, '1', 'member'],
    ['SET', '', 'empty'],
  ] as const)
    await askRedis(redis.url, command, key, ...args)
}

const topologies: readonly ChaosTopology[] = isLong ? ['running', 'windowed', 'sessions'] : ['running']

for (const topology of topologies) {
  test(`Redis fails while records flow: ${topology}`, { skip: noKafka }, async (test) => {
    const scene = await setUp(test, topology)
    const { stage, redis } = scene
    const generation = async () => (await Promise.all(stage.workers.map((worker) => worker.shown()))).flat()
    const members = (await generation()).map((worker) => `${worker.member} ${worker.generation} ${worker.tasks}`)

    const meet = ({ what, happens }: RedisFault) =>
      test.test(what, async (t) => {
        const since = Date.now()
        await happens(scene)
        await stage.processes(some)
        await stage.settled()
        const now = (await generation()).map((worker) => `${worker.member} ${worker.generation} ${worker.tasks}`)
        assert.deepEqual(now, members, 'nobody left the group')
        const longestGapMs = stage.gapSince(since)
        t.diagnostic(`longest gap in committed output ${(longestGapMs / 1000).toFixed(1)} s`)
        const scenario = `Redis, ${topology}: ${what}`
        tellResult({ scenario, brokers: stage.brokers.length, outcome: 'exactly once, no rebalance', longestGapMs })
      })

    await others(scene)
    const before = await dumpOfOthers(redis.url, stage.application)
    for (let round = 0; round < rounds; round++) for (const fault of lasts) await meet(fault)
    await test.test('what other programs keep there is as it was', async () => {
      assert.equal(before.size, 7)
      assert.deepEqual(await dumpOfOthers(redis.url, stage.application), before)
    })
    for (let round = 0; round < rounds; round++) for (const fault of losses) await meet(fault)
    await meet(failover)
    if (topology === 'running')
      await test.test('another topology under the same application id is refused by the group', async () => {
        const stranger = strangerTo(scene)
        test.after(() => stranger.end())
        assert.deepEqual(await stranger.start().ended(), { code: 1, signal: null }, stranger.tail())
        assert.match(stranger.tail(), /Another topology runs under this application id/)
        await stage.processes(some)
      })
    await test.test('in the end every record counts once, and Redis holds what the changelogs say', () => stage.finish())
    if (topology === 'running')
      await test.test(
        'another topology is refused when nobody is in the group, too: by what it finds in the changelog',
        async () => {
          const stranger = strangerTo(scene)
          test.after(() => stranger.end())
          assert.deepEqual(await stranger.start().ended(), { code: 1, signal: null }, stranger.tail())
          assert.match(stranger.tail(), /store running is kept otherwise/)
        },
      )
  })
}

/** A process of another topology with the same application id. */
const strangerTo = ({ stage, redis }: Scene): WorkerProcess =>
  new WorkerProcess({
    topology: 'stranger.ts',
    environment: { TEST_TOPICS: stage.application },
    flags: {
      'application-id': stage.application,
      'kafka-brokers': stage.brokers.join(','),
      'kafka-session-timeout-ms': 6_000,
      'kafka-heartbeat-interval-ms': 1_000,
      'redis-url': redis.url,
    },
  })

async function setUp(test: TestContext, topology: ChaosTopology): Promise<Scene> {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  // So small a cache holds next to nothing: each batch reads its state from Redis.
  const flags = { 'cache-bytes-max': 1_024 }
  const stage = await ChaosStage.set({ test, name: 'redis', topology, redis: redis.url, workers: ['a', 'b'], flags, keys: 200 })
  stage.start()
  stage.flow(perSecond)
  await stage.settled()
  await stage.processes(some)
  const replica = async () => {
    const server = await RedisServer.start()
    test.after(() => server.stop())
    return server
  }
  return { stage, redis, replica }
}
