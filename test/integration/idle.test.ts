/** A worker without input makes no transaction, and hardly uses the processor: 8 tasks at 100 ms, Redis connected, for 30 seconds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { changelogTopic, transactionalId } from '../../service/topology/names.ts'
import { transactionLogRecords } from '../support/console-consumer.ts'
import { noKafka, servers } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const idleMs = 30_000
const partitions = 8
const instance = 'idle'

/** The sum of a metric over its labels. */
function metric(page: string, name: string): number {
  const samples = page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
}

/** Where everything ends that a transaction of the worker would lengthen. */
async function ends({ admin, application }: Stage, brokers: readonly string[]) {
  const topics = [`${application}-copy`, `${application}-sums`, changelogTopic(application, 'sums')]
  const written = await Promise.all(topics.map((topic) => admin.ends(topic)))
  // Each begin and each end of a transaction is a record there, whatever it writes.
  const transactions = await transactionLogRecords(brokers, transactionalId(application, instance, 0))
  return { written, transactions }
}

test('an idle worker makes no transaction', { skip: noKafka }, async (test) => {
  const { brokers, redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  const stage = await Stage.set({ test, name: 'idle', redisUrl, instances: [instance], partitions })
  const [worker] = stage.workers
  assert.ok(worker)
  worker.start()
  await stage.settled()
  const atStart = await ends(stage, brokers)
  await stage.input.send(1_000)
  await stage.drained()
  assert.notEqual((await ends(stage, brokers)).transactions, atStart.transactions, 'a transaction would be seen')
  // Until the figures of the last batch are on the page, and the code that it ran is compiled.
  await stage.until(async () => metric(await worker.metrics(), 'caudal_records_in_total') === 1_000, 'the figures are there')

  const [before, begun, since] = [await ends(stage, brokers), await worker.metrics(), performance.now()]
  await delay(idleMs)
  const [ended, tookMs] = [await worker.metrics(), performance.now() - since]
  const after = await ends(stage, brokers)

  assert.deepEqual(after, before)
  assert.ok(metric(begun, 'caudal_transactions_total') > 0)
  assert.equal(metric(ended, 'caudal_transactions_total'), metric(begun, 'caudal_transactions_total'))
  const cpuSeconds = metric(ended, 'process_cpu_seconds_total') - metric(begun, 'process_cpu_seconds_total')
  test.diagnostic(
    `idle for ${(tookMs / 1000).toFixed(0)} s: ${((100_000 * cpuSeconds) / tookMs).toFixed(2)} % of a core (asked for: 2 %)`,
  )
  await stage.input.send(1)
  await stage.drained()
  await stage.stop()
})
