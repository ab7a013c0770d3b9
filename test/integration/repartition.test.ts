/** Two workers of one process count through a repartition topic, are killed on the way, and still count every record once. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { groupOffsets, readCommitted } from '../support/console-consumer.ts'
import { assertReadToEnd, witnessOf } from '../support/expectations.ts'
import { KafkaAdmin } from '../support/kafka-admin.ts'
import { KafkaInput } from '../support/kafka-input.ts'
import { until } from '../support/processes.ts'
import { noKafka, servers } from '../support/servers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const modulus = 7

test('counts through a repartition topic', { skip: noKafka }, async (test) => {
  const { brokers, redisUrl } = await servers()
  const application = `repartition-${randomUUID().slice(0, 8)}`
  const [source, counts, between] = [`${application}-input`, `${application}-counts`, `${application}-remainders-repartition`]
  const admin = new KafkaAdmin(brokers)
  const input = new KafkaInput({ brokers, topic: source })
  const worker = new WorkerProcess({
    topology: 'remainders.ts',
    environment: { TEST_TOPICS: application },
    flags: {
      'application-id': application,
      'instance-id': 'a',
      workers: 2,
      'kafka-brokers': brokers.join(','),
      ...(redisUrl === null ? {} : { 'redis-url': redisUrl }),
    },
  })
  test.after(async () => {
    await worker.end()
    await Promise.all([input.close(), admin.close()])
  })
  await Promise.all([admin.connect(), input.connect()])
  await admin.createTopics({ [source]: 4, [counts]: 2 })
  worker.start()
  input.flow(1_500)
  // Four tasks read the input, four count.
  const allRun = async () => (await worker.tasksRunning()) === 8
  await until(allRun, 'all tasks run', 60_000)
  const processed = async (topic: string) => admin.processed(application, topic)
  await until(async () => (await processed(source)) > 1_000 && (await processed(between)) > 1_000, 'records are counted', 60_000)
  await worker.kill()
  worker.start()
  await until(allRun, 'all tasks run', 60_000)
  const workers = await worker.shown()
  assert.ok(workers.length === 2 && workers.every(({ running }) => running > 0), JSON.stringify(workers))
  await input.pause()
  const drained = (topic: string) => admin.drained(application, topic)
  await until(async () => (await drained(source)) && (await drained(between)), 'all is counted', 60_000)
  assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.tail())

  const rows = await readCommitted({ brokers, topic: counts, group: witnessOf(counts) })
  const offsets = await groupOffsets(brokers, application, witnessOf(counts))
  assertReadToEnd(offsets, { topic: counts, partitions: 2 })
  const inputs = offsets.filter(({ topic }) => topic !== counts)
  assert.deepEqual(new Set(inputs.map(({ topic }) => topic)), new Set([source, between]))
  for (const { topic, partition, committed, end } of inputs) assert.equal(committed, end, `${topic} ${partition} is drained`)
  const wanted = new Map<string, number>()
  for (const [, last] of input.counts)
    for (let number = 1; number <= last; number++) wanted.set(`${number % modulus}`, (wanted.get(`${number % modulus}`) ?? 0) + 1)
  const found = new Map<string, number>()
  for (const { key, value } of rows) {
    assert.ok(Number(value) > (found.get(key ?? '') ?? 0), `the count of ${key} rises: ${value}`)
    found.set(key ?? '', Number(value))
  }
  assert.deepEqual(found, wanted)
})
