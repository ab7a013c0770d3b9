/** SIGTERM in the middle of the input: the end is quick and clean, and what was committed is all there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noKafka, servers } from '../support/servers.ts'
import { Stage } from '../support/stage.ts'

const shutdownTimeoutMs = 10_000

test('a dynamic member stops in the middle of the input', { skip: noKafka }, async (test) => {
  const { redisUrl } = await servers()
  if (redisUrl === null) return test.skip('there is no Redis')
  const flags = { 'shutdown-timeout-ms': shutdownTimeoutMs }
  const stage = await Stage.set({ test, name: 'stop', redisUrl, instances: [null], flags })
  stage.workers[0]?.start()
  stage.input.flow(3_000)
  await stage.settled()
  await stage.processes(2_000)
  const since = performance.now()
  await stage.stop()
  const tookMs = performance.now() - since
  assert.ok(tookMs < shutdownTimeoutMs, `the stop took ${tookMs} ms`)
  assert.deepEqual(await stage.admin.group(stage.application), { state: 'Empty', memberIds: [] })
  await stage.input.pause()
  const processed = await stage.processed()
  assert.ok(processed < stage.input.total, `it stopped before the end of the input: ${processed} of ${stage.input.total}`)
  await stage.check()
  test.diagnostic(`the stop took ${tookMs.toFixed(0)} ms, after ${processed} of ${stage.input.total} records`)
})
