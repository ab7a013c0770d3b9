/**
 * The zombie test: a worker is held up past its session while it has a batch in hand, the other takes its tasks over and commits, and the
 * first wakes up: nothing of what it still wanted to do takes effect, and it is a healthy member again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom, seedOfRun } from '../support/random.ts'
import { noKafka, servers } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

test('a zombie changes nothing, and comes back as a healthy member', { skip: noKafka }, async (test) => {
  const { redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  const seed = seedOfRun()
  test.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const flags = { 'kafka-session-timeout-ms': 2_500, 'kafka-heartbeat-interval-ms': 500 }
  const stage = await Stage.set({ test, name: 'zombie', redisUrl, instances: ['a', 'b'], flags })
  const { input, application, admin, workers, partitions } = stage
  for (const worker of workers) worker.start()
  input.flow(1_500)
  await stage.settled()
  await stage.processes(1)

  for (const [zombie, heir] of [workers, workers.toReversed()]) {
    assert.ok(zombie && heir)
    await delay(1_000 * random())
    zombie.signal('SIGSTOP')
    await stage.until(async () => (await heir.tasksRunning()) === partitions, 'the other runs all tasks')
    await stage.processes(1_000)
    zombie.signal('SIGCONT')
    await stage.until(async () => (await zombie.tasksRunning()) > 0, 'it runs tasks again')
    await stage.settled()
    await stage.until(async () => (await admin.group(application)).state === 'Stable', 'the group is stable')
    assert.equal((await admin.group(application)).memberIds.length, 2)
    await stage.processes(1_000)
  }
  await stage.finish()
})
