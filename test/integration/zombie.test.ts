/**
 * The zombie test: a worker is held up past its session, with a batch in hand and committed changes that Redis doesn't have yet. The other
 * takes its tasks over and commits; then the first wakes up, and goes on with both: nothing of it takes effect, and it comes back as a
 * healthy member.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisHoldsTotals } from '../support/expectations.ts'
import { RedisServer } from '../support/redis-server.ts'
import { noKafka } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const recordsPerSecond = 1_500

test('a zombie changes nothing, and comes back as a healthy member', { skip: noKafka }, async (test) => {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  const flags = { 'kafka-session-timeout-ms': 2_500, 'kafka-heartbeat-interval-ms': 500 }
  const stage = await Stage.set({ test, name: 'zombie', redisUrl: redis.url, instances: ['a', 'b'], flags })
  const { input, application, admin, workers, partitions } = stage
  const isInRedis = () => redisHoldsTotals(redis.url, application, input)
  for (const worker of workers) worker.start()
  input.flow(recordsPerSecond)
  await stage.settled()
  await stage.processesEverywhere()

  for (const [index, zombie] of workers.entries()) {
    const [gate, heir] = [stage.gates[index], workers[1 - index]]
    assert.ok(gate && heir)
    // What is committed from now on waits for Redis, in the memory of the zombie.
    redis.signal('SIGSTOP')
    await stage.processes(500)
    gate.close()
    await stage.until(() => gate.isReached, 'a batch is in hand')
    zombie.signal('SIGSTOP')
    redis.signal('SIGCONT')
    await stage.until(async () => (await heir.tasksRunning()) === partitions, 'the other runs all tasks')
    await stage.drained()
    await stage.until(isInRedis, 'Redis holds the totals')
    gate.open()
    zombie.signal('SIGCONT')
    const isBack = async () => {
      assert.ok(await isInRedis(), 'nothing changes in Redis')
      return (await zombie.tasksRunning()) > 0 && (await admin.group(application)).state === 'Stable'
    }
    await stage.until(isBack, 'it runs tasks again')
    await stage.settled()
    assert.equal((await admin.group(application)).memberIds.length, 2)
    assert.ok(await isInRedis(), 'nothing has changed in Redis')
    input.flow(recordsPerSecond)
    await stage.processesEverywhere()
  }
  await stage.finish()
})
