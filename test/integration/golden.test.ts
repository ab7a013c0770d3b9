/** The shipped topologies on a real Kafka and Redis, their worker killed on the way: an independent reader finds what the golden files have. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { readCommitted, type ReadRecord } from '../support/console-consumer.ts'
import { type Final, finals, type Golden, goldenRows, type InputLine, inputOf, topicsOfGolden } from '../support/golden.ts'
import { adCampaignsGolden } from '../support/goldens/ad-campaigns.ts'
import { classSessionsGolden } from '../support/goldens/class-sessions.ts'
import { customerSpendGolden } from '../support/goldens/customer-spend.ts'
import { hourlyPurchasesGolden } from '../support/goldens/hourly-purchases.ts'
import { trendingProductsGolden } from '../support/goldens/trending-products.ts'
import { KafkaAdmin } from '../support/kafka-admin.ts'
import { until } from '../support/processes.ts'
import { noKafka, servers } from '../support/servers.ts'
import { stopWell } from '../support/stage.ts'
import { WorkerProcess } from '../support/worker-process.ts'

/** The topics, a client outside of the application, and a worker that has not been started. */
async function set(test: TestContext, golden: Golden) {
  const { name } = golden
  const { brokers, redisUrl } = await servers()
  const application = `${name}-${randomUUID().slice(0, 8)}`
  const { sources, sinks, repartitions } = topicsOfGolden(golden, application)
  const topics = [...sources, ...sinks]
  const admin = new KafkaAdmin(brokers)
  const producer = new Kafka({ brokers: [...brokers], clientId: 'test-lines', logLevel: logLevel.NOTHING }).producer()
  const worker = new WorkerProcess({
    topology: fileURLToPath(new URL(`../../topologies/${name}.ts`, import.meta.url)),
    environment: {},
    flags: {
      'application-id': application,
      'instance-id': 'a',
      'kafka-brokers': brokers.join(','),
      // Small batches, one after the other: the kill is among them.
      'batch-records-max': Math.ceil(inputOf(golden).length / 30),
      ...(redisUrl === null ? {} : { 'redis-url': redisUrl }),
    },
  })
  await Promise.all([admin.connect(), producer.connect()])
  const present = (await admin.topics()).filter((topic) => topics.includes(topic))
  assert.deepEqual(present, [], "topics that are there already: they are not the test's, and it neither empties nor deletes them")
  // One partition: what is late depends on which one a record is in.
  await admin.createTopics(Object.fromEntries(topics.map((topic) => [topic, 1])))
  test.after(async () => {
    await worker.end()
    // The next topology may read one of the same name.
    await admin.deleteTopics(topics)
    await Promise.all([producer.disconnect(), admin.close()])
  })
  return { brokers, application, admin, producer, worker, source: sources[0] ?? '', sinks, inputs: [...sources, ...repartitions] }
}

async function send(producer: Producer, topic: string, lines: readonly InputLine[]): Promise<void> {
  const messages = lines.map(({ key = null, value, timestamp }) => ({
    key,
    value: JSON.stringify(value),
    timestamp: String(timestamp),
  }))
  await producer.send({ topic, acks: -1, messages })
}

/** Behind all that the worker wrote: a reader that meets it has read the rest, however slow it is. */
const endOfTopic = { key: 'end of topic', value: '' }

/**
 * All that an independent reader finds in a topic of one partition. Where it is known how many rows there should be, it need not wait in
 * vain for another one; else it looks until it has come to the end.
 */
async function rowsIn(brokers: readonly string[], topic: string, count: number | undefined): Promise<readonly Final[]> {
  const limits = count === undefined ? {} : { expectedCount: count + 1, idleTimeoutMs: 20_000 }
  let records: readonly ReadRecord[] = []
  const isWhole = () => records.at(-1)?.key === endOfTopic.key
  for (let look = 0; look < 5 && !isWhole(); look++) records = await readCommitted({ brokers, topic, ...limits })
  assert.ok(isWhole(), `${topic} has other rows than expected, or more: ${records.length}`)
  return records.slice(0, -1).map(({ key, value }): Final => ({ topic, key, value: JSON.parse(value ?? 'null') }))
}

async function killAndCompare(test: TestContext, golden: Golden): Promise<void> {
  const { brokers, application, admin, producer, worker, source, sinks, inputs } = await set(test, golden)
  const lines = inputOf(golden)
  const half = Math.floor(lines.length / 2)
  const processed = () => admin.processed(application, source)
  await send(producer, source, lines.slice(0, half))
  worker.start()
  await until(async () => (await processed()) >= half, 'the first half is processed', 60_000)
  await send(producer, source, lines.slice(half))
  await until(async () => (await processed()) > half, 'the second half is being processed', 60_000)
  await worker.kill()
  const before = await processed()
  worker.start()
  if (golden.last !== undefined) await send(producer, source, [golden.last])
  const drained = async () => (await Promise.all(inputs.map((topic) => admin.drained(application, topic)))).every(Boolean)
  await until(drained, 'the input is processed to its end', 60_000)
  await stopWell(worker)

  const expected = goldenRows(golden)
  const found: Final[] = []
  for (const topic of sinks) {
    await producer.send({ topic, acks: -1, messages: [endOfTopic] })
    const count = expected.filter((row) => row.topic === topic).length
    // Of rows that change, batches decide how many there are.
    found.push(...(await rowsIn(brokers, topic, golden.finalsOf === undefined ? count : undefined)))
  }
  assert.deepEqual(finals(golden, found), finals(golden, expected))
  test.diagnostic(`${lines.length} records, ${before} of them processed at the kill; ${found.length} rows`)
}

for (const golden of [hourlyPurchasesGolden, customerSpendGolden, classSessionsGolden, trendingProductsGolden, adCampaignsGolden])
  test(`${golden.name}, killed on the way`, { skip: noKafka }, (test) => killAndCompare(test, golden))
