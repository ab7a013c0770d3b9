/** Windows of event time through a repartition topic, on two workers that are killed on the way: each is final once, and right. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { readCommitted, type ReadRecord } from '../support/console-consumer.ts'
import { KafkaAdmin } from '../support/kafka-admin.ts'
import { KafkaInput } from '../support/kafka-input.ts'
import { until } from '../support/processes.ts'
import { noKafka, servers } from '../support/servers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

interface Row {
  readonly start: number
  readonly value: number
  readonly closedBy: string
}

/** By remainder and start of the second, how many numbers there are. */
function reference(lasts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const last of lasts.values()) {
    for (let number = 1; number <= last; number++) {
      const name = `${number % 7}@${Math.floor((number * 10) / 1000) * 1000}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

test('windows through a repartition topic, with kills', { skip: noKafka }, async (test) => {
  const { brokers, redisUrl } = await servers()
  const application = `windows-${randomUUID().slice(0, 8)}`
  const [source, counts, late] = [`${application}-input`, `${application}-counts`, `${application}-late`]
  const admin = new KafkaAdmin(brokers)
  const input = new KafkaInput({ brokers, topic: source })
  const workers = ['a', 'b'].map(
    (instance) =>
      new WorkerProcess({
        topology: 'hundreds.ts',
        environment: { TEST_TOPICS: application },
        flags: {
          'application-id': application,
          'instance-id': instance,
          'kafka-brokers': brokers.join(','),
          'kafka-session-timeout-ms': 6000,
          'kafka-heartbeat-interval-ms': 1000,
          ...(redisUrl === null ? {} : { 'redis-url': redisUrl }),
        },
      }),
  )
  test.after(async () => {
    await Promise.all(workers.map((worker) => worker.end()))
    await Promise.all([input.close(), admin.close()])
  })
  await Promise.all([admin.connect(), input.connect()])
  await admin.createTopics({ [source]: 4, [counts]: 2, [late]: 1 })
  for (const worker of workers) worker.start()
  input.flow(2_000)
  const processed = () => admin.processed(application, source)
  for (const worker of workers) {
    const before = await processed()
    await until(async () => (await processed()) > before + 3_000, 'records are counted', 60_000)
    await worker.kill()
    worker.start()
  }
  const before = await processed()
  await until(async () => (await processed()) > before + 3_000, 'records are counted', 60_000)
  await input.pause()

  // Once all is silent the last windows close by the clock.
  const expected = reference(input.counts)
  let rows: readonly ReadRecord[] = []
  for (let look = 0; look < 10 && rows.length < expected.size; look++) rows = await readCommitted({ brokers, topic: counts })
  const found = rows.map(({ key, value }) => [key ?? '', JSON.parse(value ?? '') as Row] as const)
  assert.equal(new Set(found.map(([name]) => name)).size, found.length, 'each window is final once')
  assert.ok(found.every(([, { closedBy }]) => closedBy === 'time'))
  assert.deepEqual(new Map(found.map(([name, { value }]) => [name, value])), expected)
  assert.deepEqual(await readCommitted({ brokers, topic: late }), [])
  for (const worker of workers) assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.tail())
  test.diagnostic(`${input.total} records, ${found.length} windows`)
})
