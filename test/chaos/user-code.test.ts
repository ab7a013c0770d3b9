/** Code of a topology throws, gives what nobody can write, or never comes back: the record is named, the policy holds, all others count once. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Policy } from '../../service/index.ts'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import { setAsidePrefix } from '../support/checker/expected.ts'
import { readCommitted } from '../support/console-consumer.ts'
import { misdeed } from '../support/misbehave.ts'
import { noKafka, servers } from '../support/servers.ts'

const perSecond = isLong ? 1_000 : 300
const some = isLong ? 3_000 : 200
const batchTimeoutMs = 4_000
/** How often a worker is killed behind records that are set aside. */
const times = isLong ? 20 : 1

interface Given {
  readonly policy: Policy
  readonly workers: readonly string[]
}

async function setUp(test: TestContext, { policy, workers }: Given): Promise<ChaosStage> {
  const happened = join(tmpdir(), `caudal-misdeed-${process.pid}-${Date.now()}`)
  test.after(() => rmSync(happened, { force: true }))
  const stage = await ChaosStage.set({
    test,
    name: 'user-code',
    topology: 'running',
    file: 'misbehaving.ts',
    redis: (await servers()).redisUrl,
    workers,
    flags: { 'batch-timeout-ms': batchTimeoutMs, 'liveness-timeout-ms': 2 * batchTimeoutMs },
    environment: { TEST_POLICY: policy, TEST_MISDEED: happened },
  })
  await stage.admin.createTopics({ [`${stage.application}-dead`]: 1 })
  stage.start()
  stage.flow(perSecond)
  await stage.settled()
  await stage.processes(some)
  return stage
}

test('a function that throws once ends the process, which names the record; the next one goes on', {
  skip: noKafka,
}, async (test) => {
  const stage = await setUp(test, { policy: 'stop', workers: ['a'] })
  const [worker] = stage.workers
  assert.ok(worker)
  const { partition, offset } = await stage.bystander.send('once', `${misdeed.throwsOnce}`)
  assert.deepEqual(await worker.ended(), { code: 1, signal: null })
  const place = `topic ${stage.inputTopic}, partition ${partition}, offset ${offset}`
  assert.match(worker.tail(), new RegExp(`${place}.*: map failed: RangeError: thrown by the topology, once\\..*onError`))
  stage.start()
  await stage.processes(some)
  await stage.finish({ outcome: 'exit code 1 with the place of the record; exactly once' })
})

const setAside = ['throws', 'givesUndefined', 'givesHuge', 'givesPromise'] as const

// What skipping comes to is the same without Kafka (test/fuzz/user-code.test.ts), so it is left to the long form.
for (const policy of isLong ? (['dead-letter', 'skip'] as const) : (['dead-letter'] as const)) {
  test(`policy ${policy}: records that the code cannot cope with are set aside, once, also when a worker is killed`, {
    skip: noKafka,
  }, async (test) => {
    const stage = await setUp(test, { policy, workers: ['a', 'b'] })
    const sent: string[] = []
    const misbehave = async (round: number) => {
      for (const [index, name] of setAside.entries()) {
        const key = `${setAsidePrefix}${name}-${round}`
        const { partition, offset } = await stage.bystander.send(key, `${misdeed[name]}`, index % stage.partitions)
        sent.push(`${key} ${partition} ${offset}`)
      }
    }
    for (let round = 0; round < times; round++) {
      await misbehave(round)
      await stage.workers[round % 2]?.kill()
      stage.start(round % 2)
      await stage.processes(some)
    }
    await stage.settled()
    const outcome =
      policy === 'skip' ? 'skipped; all others exactly once' : 'in the dead letter topic once; all others exactly once'
    await stage.finish({ outcome })
    const dead = await readCommitted({ brokers: stage.brokers, topic: `${stage.application}-dead` })
    const places = dead.map(({ key, headers }) => {
      const header = (name: string) => new RegExp(`caudal-${name}:([^,]*)`).exec(headers)?.[1]
      assert.equal(header('topic'), stage.inputTopic)
      return `${key} ${header('partition')} ${header('offset')}`
    })
    assert.deepEqual(places.sort(), policy === 'skip' ? [] : sent.sort())
    const reasons = new Set(dead.map(({ headers }) => /caudal-reason:([^,]*)/.exec(headers)?.[1] ?? ''))
    assert.deepEqual([...reasons].sort(), policy === 'skip' ? [] : ['error', 'too-large'])
  })
}

test('code that never comes back: the worker stops being a member, and another takes over', { skip: noKafka }, async (test) => {
  const stage = await setUp(test, { policy: 'stop', workers: ['a', 'b'] })
  await stage.bystander.send('hangs', `${misdeed.hangsOnce}`)
  const hung = () => stage.workers.find((worker) => worker.errors.includes('the worker makes no progress'))
  await stage.until(() => hung() !== undefined, 'a worker is found to hang')
  const worker = hung()
  assert.ok(worker)
  await stage.processes(some)
  await stage.until(async () => (await worker.health())?.live === false, 'the process says that it is to be ended')
  assert.match(JSON.stringify(await worker.health()), /made no progress for longer than \d+ ms \(batchTimeoutMs\)/)
  await worker.kill()
  stage.start(stage.workers.indexOf(worker))
  await stage.processes(some)
  await stage.settled()
  await stage.finish({ outcome: 'taken over after batchTimeoutMs; exactly once' })
})
