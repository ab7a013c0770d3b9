/** Bad input, end to end: records that nobody can read, code that throws, topics and brokers that are not there. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { systemClock } from '../../service/clock.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { readCommitted } from '../support/console-consumer.ts'
import { KafkaAdmin } from '../support/kafka-admin.ts'
import { until } from '../support/processes.ts'
import { noKafka, servers } from '../support/servers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

interface Setting {
  readonly application: string
  readonly brokers: readonly string[]
  readonly admin: KafkaAdmin
  readonly worker: (topology: string, flags?: Readonly<Record<string, string | number>>, policy?: string) => WorkerProcess
}

async function settingOf(test: TestContext): Promise<Setting> {
  const { brokers } = await servers()
  const application = `bad-${randomUUID().slice(0, 8)}`
  const admin = new KafkaAdmin(brokers)
  await admin.connect()
  test.after(() => admin.close())
  return {
    application,
    brokers,
    admin,
    worker: (topology, flags = {}, policy = 'stop') => {
      const worker = new WorkerProcess({
        topology,
        environment: { TEST_TOPICS: application, TEST_POLICY: policy },
        flags: { 'application-id': application, 'kafka-brokers': brokers.join(','), 'log-level': 'error', ...flags },
      })
      test.after(() => worker.end())
      return worker.start()
    },
  }
}

/** Seven records, of which 2 is no JSON, and 4 is one that the topology throws on. */
const records = ['{"n":0}', '{"n":1}', 'no JSON', '{"n":3}', '{"n":13}', '{"n":5}', '{"n":6}']
const undecodable = 2
const unlucky = 4

/** Creates the topics and writes the records, all with the key `k`, to partition 1. */
async function write({ application, brokers, admin }: Setting, values: readonly string[]): Promise<void> {
  await admin.createTopics({ [`${application}-input`]: 2, [`${application}-output`]: 2, [`${application}-dead`]: 1 })
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({ idempotent: true })
  await producer.connect()
  const messages = values.map((value) => ({ key: 'k', value, partition: 1, headers: { trace: 'abc' } }))
  await producer.send({ topic: `${application}-input`, messages })
  await producer.disconnect()
}

for (const [what, values, offset, choices] of [
  ['cannot be decoded', records, undecodable, /onInvalid: 'skip' or 'dead-letter'/],
  ['makes the topology throw', records.toSpliced(undecodable, 1, '{"n":2}'), unlucky, /onError: 'skip' or 'dead-letter'/],
] as const) {
  test(`policy stop: a record that ${what} ends the process, which says where it is and what can be done`, {
    skip: noKafka,
  }, async (test) => {
    const setting = await settingOf(test)
    await write(setting, values)
    const worker = setting.worker('bad-input.ts')
    assert.deepEqual(await worker.ended(), { code: 1, signal: null }, worker.tail())
    assert.match(worker.errors, choices)
    const place = new RegExp(`${setting.application}-input\\W.*\\b1\\b.*\\b${offset}\\b`)
    assert.match(worker.errors, place)
    assert.equal(complaints(worker).length, 1, worker.errors)
  })
}

for (const policy of ['skip', 'dead-letter'] as const) {
  test(`policy ${policy}: the other records are processed`, { skip: noKafka }, async (test) => {
    const setting = await settingOf(test)
    const { application, admin, brokers } = setting
    await write(setting, records)
    const worker = setting.worker('bad-input.ts', {}, policy)
    await until(
      async () => worker.ending !== null || (await admin.drained(application, `${application}-input`)),
      'the input is processed',
      60_000,
    )
    const counter = policy === 'skip' ? 'caudal_records_skipped_total' : 'caudal_records_dead_lettered_total'
    const counted = async () => [...(await worker.metrics()).matchAll(new RegExp(`^${counter}\\{(.*)\\} (\\d+)$`, 'gm'))]
    await until(async () => (await counted()).length === 2, 'both are counted')
    assert.ok((await counted()).every(([, labels, count]) => labels?.includes(`topic="${application}-input"`) && count === '1'))
    assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.tail())
    const [outputs, letters] = await Promise.all(
      ['output', 'dead'].map((name) => readCommitted({ brokers, topic: `${application}-${name}` })),
    )
    assert.ok(outputs && letters)
    assert.deepEqual(
      outputs.map(({ value }) => value),
      ['0', '1', '3', '5', '6'],
    )
    const setAside = policy === 'skip' ? [] : [undecodable, unlucky]
    assert.deepEqual(
      letters.map(({ key, value }) => ({ key, value })),
      setAside.map((offset) => ({ key: 'k', value: records[offset] })),
    )
    for (const [index, offset] of setAside.entries()) {
      const headers = letters[index]?.headers ?? ''
      const origin = `caudal-topic:${application}-input,caudal-partition:1,caudal-offset:${offset}`
      assert.ok(headers.startsWith('trace:abc,caudal-error:') && headers.endsWith(origin), headers)
      assert.match(headers, offset === unlucky ? /an unlucky lesson/ : /JSON/)
    }
  })
}

test('missing and unequal topics: all defects at once, and nothing is created', { skip: noKafka }, async (test) => {
  const setting = await settingOf(test)
  const { application, admin } = setting
  await admin.createTopics({ [`${application}-left`]: 2, [`${application}-right`]: 3 })
  const unequal = setting.worker('two-inputs.ts')
  assert.deepEqual(await unequal.ended(), { code: 2, signal: null }, unequal.tail())
  for (const part of [/-counts\b/, /-left\b.*\b2\b/, /-right\b.*\b3\b/]) assert.match(unequal.errors, part)
  const missing = setting.worker('bad-input.ts')
  assert.deepEqual(await missing.ended(), { code: 2, signal: null }, missing.tail())
  for (const part of [/-input\b/, /-output\b/, /-dead\b/]) assert.match(missing.errors, part)
  const created = (await admin.topics()).filter((topic) => topic.startsWith(application))
  assert.deepEqual(new Set(created), new Set([`${application}-left`, `${application}-right`]))
})

test('a wrong file and wrong settings: all defects at once', async () => {
  const worker = new WorkerProcess({
    topology: 'broken.ts',
    environment: { CAUDAL_KAFKA_BROKER: 'x:1' },
    flags: { workers: 'many', 'kafka-brokers': 'x:1' },
  })
  assert.deepEqual(await worker.start().ended(), { code: 2, signal: null }, worker.tail())
  for (const part of [/broken\.ts/, /--workers/, /CAUDAL_KAFKA_BROKER: unknown key/]) assert.match(worker.errors, part)
  assert.match(worker.errors, /3 defects; nothing was started/)
})

test('no broker within startTimeoutMs: one message, and exit code 1', async () => {
  const [port] = await freePorts(1, systemClock)
  const worker = new WorkerProcess({
    topology: 'bad-input.ts',
    environment: {},
    flags: { 'kafka-brokers': `127.0.0.1:${port}`, 'start-timeout-ms': 1_500, 'log-level': 'error' },
  })
  const since = performance.now()
  assert.deepEqual(await worker.start().ended(), { code: 1, signal: null }, worker.tail())
  assert.ok(performance.now() - since < 15_000, `it took ${performance.now() - since} ms`)
  assert.match(worker.errors, /no Kafka broker could be reached within 1500 ms \(startTimeoutMs\)/)
  assert.match(worker.errors, new RegExp(`127\\.0\\.0\\.1:${port}`))
  assert.equal(complaints(worker).length, 1, worker.errors)
})

/** What is said on standard error to a person, beside the log. */
const complaints = (worker: WorkerProcess) => worker.errors.split('\n').filter((line) => line.startsWith('caudal: '))
