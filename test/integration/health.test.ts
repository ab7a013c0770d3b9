/** What `/health` says of running workers, on real servers: each reason comes while its cause is there, with the time when it began, and goes with it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import type { HealthReport, ReportedReason } from '../../service/http/health.ts'
import { flushRedis, limitRedis, memoryOfRedis } from '../support/redis-contents.ts'
import { RedisServer } from '../support/redis-server.ts'
import { noKafka } from '../support/servers.ts'
import { Stage, type StageOptions } from '../support/stage.ts'
import type { WorkerProcess } from '../support/worker-process.ts'

type Given = Pick<StageOptions, 'name' | 'redisUrl' | 'instances'> & Partial<StageOptions>

/** One worker process or more, at work. */
async function atWork(test: TestContext, given: Given): Promise<Stage> {
  const stage = await Stage.set({ test, ...given })
  for (const worker of stage.workers) worker.start()
  await stage.settled()
  return stage
}

const firstOf = ({ workers: [worker] }: Stage): WorkerProcess => {
  assert.ok(worker)
  return worker
}

/** Waits until the report is as wanted, and returns it. */
async function reported(
  stage: Stage,
  worker: WorkerProcess,
  { what, is }: { readonly what: string; readonly is: (report: HealthReport) => boolean },
): Promise<HealthReport> {
  let last: HealthReport | null = null
  await stage.until(async () => {
    last = await worker.health()
    return last !== null && is(last)
  }, what)
  assert.ok(last)
  return last
}

const reasonLike = ({ reasons }: HealthReport, waitingFor: string, pattern: RegExp): ReportedReason | undefined =>
  reasons.find((reason) => reason.waitingFor === waitingFor && pattern.test(reason.detail))

/** Ready, and waiting for nothing. */
const isWell = ({ live, ready, reasons }: HealthReport) => live && ready && reasons.length === 0

test('Redis is stopped: unready with the time, alive, and well again when it is back', { skip: noKafka }, async (test) => {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  const stage = await atWork(test, { name: 'health-redis', redisUrl: redis.url, instances: ['a'], partitions: 1 })
  const worker = firstOf(stage)
  await reported(stage, worker, { what: 'it is well', is: isWell })
  const before = Date.now()
  await redis.kill()
  stage.input.flow(200)
  const away = /the state backend is unreachable, .*Redis did not/
  const what = 'Redis is told'
  const report = await reported(stage, worker, { what, is: (found) => reasonLike(found, 'store', away) !== undefined })
  assert.deepEqual([report.live, report.ready], [true, false])
  const since = Date.parse(reasonLike(report, 'store', away)?.since ?? '')
  assert.ok(since >= before && since <= Date.now(), `${since} is not after ${before}`)
  await redis.startAgain()
  await reported(stage, worker, { what: 'it is well again', is: isWell })
  await stage.finish()
})

test('an open transaction on the input: blocked at which offset, by whom', { skip: noKafka }, async (test) => {
  const stage = await atWork(test, { name: 'health-open', redisUrl: null, instances: ['a'], partitions: 1 })
  const { brokers, application } = stage
  const worker = firstOf(stage)
  const transactionalId = `${application}-loader`
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'test-loader', logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1, transactionTimeout: 60_000 })
  test.after(() => producer.disconnect())
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic: `${application}-input`, messages: [{ key: 'a', value: '1' }] })
  const blocked = new RegExp(
    `${application}-input, partition 0, is blocked at the last stable offset 0 by producer \\d+ \\(transactional id ${transactionalId}, Ongoing\\)`,
  )
  const what = 'the transaction is told'
  const report = await reported(stage, worker, { what, is: (found) => reasonLike(found, 'transaction', blocked) !== undefined })
  assert.deepEqual([report.live, report.ready], [true, true], 'somebody else holds results up: nothing is wrong here')
  const reason = reasonLike(report, 'transaction', blocked)
  assert.deepEqual([reason?.effect, reason?.task], ['delayed', '0_0'])
  await transaction.abort()
  await reported(stage, worker, { what: 'it is well again', is: isWell })
  await stage.stop()
})

test('more workers than partitions: told, and no fault', { skip: noKafka }, async (test) => {
  const stage = await atWork(test, { name: 'health-spare', redisUrl: null, instances: ['a', 'b'], partitions: 1 })
  const spare = /no partitions assigned: 2 workers share 1 tasks; this is no fault/
  let told: (readonly [HealthReport, ReportedReason])[] = []
  await stage.until(async () => {
    const reports = await Promise.all(stage.workers.map((worker) => worker.health()))
    told = reports.flatMap((report) => {
      const reason = report && reasonLike(report, 'assignment', spare)
      return report && reason ? [[report, reason] as const] : []
    })
    return told.length === 1
  }, 'one of two stands by')
  const [[report, reason] = []] = told
  assert.deepEqual([report?.live, report?.ready, reason?.effect], [true, true, 'none'])
  await stage.stop()
})

test('Redis is too full to restore a store: how far it is, and what it waits for', { skip: noKafka }, async (test) => {
  const redis = await RedisServer.start()
  test.after(() => redis.stop())
  const stage = await atWork(test, { name: 'health-restore', redisUrl: redis.url, instances: ['a'], partitions: 1 })
  const worker = firstOf(stage)
  const empty = await memoryOfRedis(redis.url)
  stage.input.addKeys(5_000)
  await stage.input.send(10_000)
  await stage.drained()
  await stage.stop()
  const full = await memoryOfRedis(redis.url)
  await flushRedis(redis.url)
  await limitRedis(redis.url, Math.round((empty + full) / 2))
  worker.start()
  const isHeldUp = (found: HealthReport) =>
    reasonLike(found, 'restore', /^restoring \d\d? %: \d+ of \d+ changelog records of store sums$/) !== undefined &&
    reasonLike(found, 'store', /its memory is full/) !== undefined
  const report = await reported(stage, worker, { what: 'its restore is held up', is: isHeldUp })
  assert.deepEqual([report.live, report.ready, reasonLike(report, 'restore', /./)?.task], [true, false, '0_0'])
  await limitRedis(redis.url, 0)
  await reported(stage, worker, { what: 'it is restored, and well', is: isWell })
  await stage.stop()
})

test('a worker that stands still with work in hand: not live, until it moves', { skip: noKafka }, async (test) => {
  const flags = { 'batch-timeout-ms': 2_000, 'liveness-timeout-ms': 3_000 }
  const stage = await atWork(test, { name: 'health-stuck', redisUrl: null, instances: ['a'], partitions: 1, flags })
  const worker = firstOf(stage)
  const [gate] = stage.gates
  assert.ok(gate)
  gate.close()
  await stage.input.send(100)
  const isStuck = (found: HealthReport) =>
    !found.live && reasonLike(found, 'progress', /its heartbeats have stopped/) !== undefined
  const report = await reported(stage, worker, { what: 'it is not live', is: isStuck })
  assert.match(report.faults.join(), /worker 0 has work and made no progress for \d+ ms/)
  gate.open()
  await reported(stage, worker, { what: 'it is well again', is: isWell })
  await stage.finish()
})
