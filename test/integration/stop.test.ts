/** SIGINT and SIGTERM in the middle of the input: the end is quick and clean, the other goes on, and what was committed is all there. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { noKafka, servers } from '../support/servers.ts'
import { Stage, stopWell } from '../support/stage.ts'

const sessionTimeoutMs = 30_000
const shutdownTimeoutMs = 10_000

/** How long `act` takes, which is less than the time for a stop. */
async function timed(test: TestContext, what: string, act: () => Promise<void>): Promise<void> {
  const since = performance.now()
  await act()
  const tookMs = performance.now() - since
  test.diagnostic(`${what} took ${tookMs.toFixed(0)} ms`)
  assert.ok(tookMs < shutdownTimeoutMs, `${what} took ${tookMs} ms`)
}

test('dynamic members stop in the middle of the input', { skip: noKafka }, async (test) => {
  const { redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  // So long that who takes tasks over before did not wait for its end: the group was left.
  const flags = { 'shutdown-timeout-ms': shutdownTimeoutMs, 'kafka-session-timeout-ms': sessionTimeoutMs }
  const stage = await Stage.set({ test, name: 'stop', redisUrl, instances: [null, null], flags })
  const { input, admin, application, partitions } = stage
  const [first, second] = stage.workers
  assert.ok(first && second)
  first.start()
  second.start()
  input.flow(3_000)
  await stage.settled()
  await stage.processes(2_000)
  await timed(test, 'SIGINT', () => stopWell(first, 'SIGINT'))
  assert.equal((await admin.group(application)).memberIds.length, 1)
  await timed(test, 'taking over', () => stage.until(async () => (await second.tasksRunning()) === partitions, 'all tasks run'))
  await stage.processes(2_000)
  await timed(test, 'SIGTERM', () => stopWell(second, 'SIGTERM'))
  assert.deepEqual(await admin.group(application), { state: 'Empty', memberIds: [] })
  await input.pause()
  const processed = await stage.processed()
  assert.ok(processed < input.total, `it stopped before the end of the input: ${processed} of ${input.total}`)
  await stage.check()
})
