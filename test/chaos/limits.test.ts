/** Little memory, few file descriptors, nowhere to write the log: a worker keeps within them, or stops and says why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLong } from '../support/chaos.ts'
import { ChaosStage } from '../support/chaos-stage.ts'
import { tellResult } from '../support/gaps.ts'
import { until } from '../support/processes.ts'
import { heldStores } from '../support/redis-stores.ts'
import { noKafka, servers } from '../support/servers.ts'
import { addTo, nothing } from '../support/topologies/running-fold.ts'

const skip = noKafka

/** Runs what stands behind it in a shell that has done this first. */
const shell = (script: string): readonly string[] => ['sh', '-c', script, 'sh']

test('64 file descriptors', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const command = shell('ulimit -n 64; exec "$@"')
  const stage = await ChaosStage.set({ test, name: 'files', topology: 'windowed', redis, workers: ['a', 'b'], command })
  stage.start()
  stage.flow(1_000)
  await stage.settled()
  for (let round = 0; round < (isLong ? 5 : 1); round++) {
    for (const worker of stage.workers) {
      await stage.processes(1_000)
      await worker.kill()
      worker.start()
    }
  }
  await stage.processes(1_000)
  await stage.finish()
})

test('the log goes to a full disk', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const log = { command: shell('exec "$@" 2>/dev/full'), flags: { 'log-level': 'debug' } }
  const stage = await ChaosStage.set({ test, name: 'full', topology: 'running', redis, workers: ['a', 'b'], ...log })
  stage.start()
  stage.flow(1_000)
  await stage.settled()
  await stage.processes(isLong ? 50_000 : 3_000)
  await stage.finish()
})

test('nobody reads the log any more', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const flags = { 'log-level': 'debug' }
  const stage = await ChaosStage.set({ test, name: 'pipe', topology: 'running', redis, workers: ['a', 'b'], flags })
  stage.start()
  stage.flow(1_000)
  await stage.settled()
  for (const worker of stage.workers) worker.closeLog()
  await stage.processes(isLong ? 50_000 : 3_000)
  await stage.finish()
})

test('output goes to a full disk', { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  const command = shell('test -z "$FULL" && exec "$@"; exec "$@" >/dev/full')
  const environmentOf = (index: number): Readonly<Record<string, string>> => (index === 0 ? { FULL: 'yes' } : {})
  const stage = await ChaosStage.set({
    test,
    name: 'output',
    topology: 'running',
    redis,
    workers: ['a', 'b'],
    command,
    environmentOf,
  })
  const [full] = stage.workers
  stage.start()
  stage.flow(1_000)
  assert.deepEqual(await full?.ended(), { code: 1, signal: null }, full?.tail())
  assert.match(full?.errors ?? '', /standard output takes no more \(.*ENOSPC.*\): stopping/)
  full?.mayEnd()
  await stage.settled()
  await stage.processes(1_000)
  await stage.finish({ outcome: 'clean stop, exit code 1, with the reason; the others go on' })
})

/** Much less than the state of so many keys. */
const heapMegabytes = isLong ? 128 : 72
const keys = isLong ? 1_000_000 : 80_000
const smallHeap = { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` }
const megabyte = 1024 * 1024

test(`a heap of ${heapMegabytes} MB, ${keys} keys in Redis`, { skip }, async (test) => {
  const { redisUrl: redis } = await servers()
  if (redis === null) return test.skip('there is no Redis')
  const flags = {
    'cache-bytes-max': 16 * megabyte,
    'apply-queue-bytes-max': 8 * megabyte,
    'read-ahead-bytes-max': 8 * megabyte,
    'batch-bytes-max': 2 * megabyte,
  }
  const few = { name: 'heap', topology: 'running', workers: ['a'], keys, shifts: 1 } as const
  const stage = await ChaosStage.set({ test, redis, ...few, flags, environment: smallHeap })
  stage.start()
  await stage.settled()
  for (let sent = 0; sent < keys * 1.2; sent += 20_000) await stage.input.send(20_000)
  await stage.until(() => stage.processed === stage.input.total, 'all is processed', 600_000)
  const residentMegabytes = Math.round((stage.workers[0]?.residentBytesMax ?? 0) / megabyte)
  test.diagnostic(`${residentMegabytes} MB of memory at most`)
  await stage.stop()
  // Of so many records the logs are not read once more: Redis has the answer to all of them, and nothing else.
  const wanted = new Map<string, string>()
  const states = new Map<string, ReturnType<typeof addTo>>()
  for (const { key, value } of stage.input.sent) states.set(key, addTo(states.get(key) ?? nothing, Number(value)))
  for (const [key, state] of states) wanted.set(`\x01${key}`, JSON.stringify(state))
  const held = (await heldStores(redis, stage.application)).flatMap(({ entries }) => [...entries])
  assert.equal(held.length, wanted.size)
  assert.deepEqual(
    held.find(([key, value]) => wanted.get(key) !== value),
    undefined,
  )
  tellResult({
    scenario: test.name,
    brokers: stage.brokers.length,
    outcome: `in bounds: ${residentMegabytes} MB of memory at most`,
    longestGapMs: stage.longestGapMs,
  })
})

const keysInMemory = isLong ? 1_000_000 : 300_000

test(`a heap of ${heapMegabytes} MB, ${keysInMemory} keys in memory`, { skip }, async (test) => {
  const few = { name: 'memory', topology: 'running', workers: ['a', 'b'], keys: keysInMemory, shifts: 1 } as const
  const stage = await ChaosStage.set({ test, redis: null, ...few, environmentOf: (index) => (index === 0 ? smallHeap : {}) })
  const [small] = stage.workers
  stage.start(0)
  await stage.settled()
  let ending: unknown = null
  void small?.ended().then((end) => {
    ending = end
  })
  while (ending === null && stage.input.total < 2 * keysInMemory) await stage.input.send(20_000)
  await until(() => ending !== null, 'the small heap is full', 120_000)
  assert.deepEqual(ending, { code: 1, signal: null }, small?.tail())
  assert.match(small?.errors ?? '', /memory/)
  small?.mayEnd()
  // One with more memory goes on where it ended.
  stage.start(1)
  await stage.settled()
  await stage.finish({ outcome: 'clean stop, exit code 1, with the reason' })
})
