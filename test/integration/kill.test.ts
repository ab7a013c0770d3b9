/**
 * The kill test: two workers are killed at random moments while input flows, and restarted at once; an independent reader then finds every
 * record once. CAUDAL_KILLS says how often, CAUDAL_SEED at which moments.
 */
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../service/seeded-random.ts'
import { seedOfRun } from '../support/random.ts'
import { noKafka, servers } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const kills = Number(process.env['CAUDAL_KILLS'] ?? 5)
const recordsPerSecond = 2_500

async function killAndCheck(test: TestContext, redisUrl: string | null): Promise<void> {
  const seed = seedOfRun()
  const random = seededRandom(seed)
  const stage = await Stage.set({ test, name: 'kill', redisUrl, instances: ['a', 'b'], shifts: 4 })
  test.diagnostic(`seed ${seed}: ${kills} kills`)
  for (const worker of stage.workers) worker.start()
  stage.input.flow(recordsPerSecond)
  await stage.processes(1)
  const pause = longestPause(stage)
  for (let kill = 0; kill < kills; kill++) {
    // Most kills meet a group at work, some one that is still getting over the one before.
    if (random() < 0.7) await stage.processes(1)
    await delay(200 + 1_800 * random())
    const worker = stage.workers[Math.floor(random() * stage.workers.length)]
    await worker?.kill()
    worker?.start()
  }
  const before = await stage.processed()
  await stage.drained()
  const pauseMs = await pause.end()
  await stage.finish()
  test.diagnostic(`${stage.input.total} records, ${before} of them processed at the last kill`)
  test.diagnostic(`longest time without a commit: ${(pauseMs / 1000).toFixed(1)} s`)
}

const lookEveryMs = 100

/** Watches the commits until `end`, which tells for how many milliseconds at most there was none. */
function longestPause(stage: Stage): { end(): Promise<number> } {
  let over = false
  const watch = async () => {
    let [processed, since, longest] = [await stage.processed(), performance.now(), 0]
    while (!over) {
      await delay(lookEveryMs)
      const now = await stage.processed()
      longest = Math.max(longest, performance.now() - since)
      if (now > processed) [processed, since] = [now, performance.now()]
    }
    return longest
  }
  const watching = watch()
  return {
    end: () => {
      over = true
      return watching
    },
  }
}

test('killed at random moments: every record once, state in Redis', { skip: noKafka }, async (test) => {
  const { redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  await killAndCheck(test, redisUrl)
})

test('killed at random moments: every record once, state in memory', { skip: noKafka }, (test) => killAndCheck(test, null))
