/**
 * What it takes to close a million windows of one task at once: the longest time for which the event loop is blocked, and the heap beside
 * the bound of the cache. A task without a Kafka: its changelog and rows are encoded and thrown away.
 * Options: --windows n, --kinds tumbling,session,hopping, --stores memory,redis, --cache bytes.
 */
import { setImmediate } from 'node:timers/promises'
import { cpus } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseArgs } from 'node:util'
import { systemClock } from '../../service/clock.ts'
import { ApplyQueue } from '../../service/commit/apply-queue.ts'
import { changelogKey } from '../../service/commit/changelog-record.ts'
import { definitionOf, topology } from '../../service/dsl/topology.ts'
import { hopping, json, session, stream, tumbling } from '../../service/index.ts'
import { outsideTransactions, RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { silentLog } from '../../service/log.ts'
import { noMetrics } from '../../service/metrics.ts'
import { compileTask } from '../../service/operators/compile.ts'
import { KeyKinds } from '../../service/operators/key-kinds.ts'
import type { TaskPipeline } from '../../service/operators/pipeline.ts'
import { OutputBuffer } from '../../service/sink/output-buffer.ts'
import { EntryCache } from '../../service/state/entry-cache.ts'
import { MemoryStoreBackend } from '../../service/state/memory-store.ts'
import { RedisStoreBackend } from '../../service/state/redis-store.ts'
import { StateView } from '../../service/state/state-view.ts'
import { heldBytes, type StoreHandle } from '../../service/state/store-backend.ts'
import { TaskTime } from '../../service/time/task-time.ts'
import { graphOf } from '../../service/topology/graph.ts'
import { planOf, requiredTopics } from '../../service/topology/plan.ts'
import { RedisServer } from '../support/redis-server.ts'
import { loadAverage } from './statistics.ts'

const { values } = parseArgs({
  options: {
    windows: { type: 'string', default: '1000000' },
    kinds: { type: 'string', default: 'tumbling,session,hopping' },
    stores: { type: 'string', default: 'memory,redis' },
    cache: { type: 'string', default: String(64 * 1024 * 1024) },
  },
})

const sizeMs = 3_600_000
const kinds = { tumbling: tumbling(sizeMs), session: session({ gap: sizeMs }), hopping: hopping(sizeMs, sizeMs / 2) }
type Kind = keyof typeof kinds
/** Of the batches that open windows; those that close have no records. */
const batchRecords = 10_000

/** One task on a store of its own. */
class Bed {
  readonly #pipeline: TaskPipeline
  readonly #view: StateView
  readonly #handle: StoreHandle
  readonly #queue = new ApplyQueue({ bytesMax: 64 * 1024 * 1024, clock: systemClock, metrics: noMetrics, progress: () => {} })
  readonly #outputs = new OutputBuffer({ partitionsOf: () => 1, messageBytesMax: () => 1_000_000, compression: 'none' })
  readonly #cache: EntryCache
  #position = 0
  #batch = 0
  rows = 0

  constructor(kind: Kind, handle: StoreHandle, cacheBytes: number) {
    const counts = stream('in', { value: json(), idleAfter: false }).byKey().window(kinds[kind]).count('windows')
    const graph = graphOf(definitionOf(topology('large-close', counts.emit('append').to('out', { value: json() }))))
    const plan = planOf(graph, 'large-close', new Map(requiredTopics(graph).map((topic) => [topic, 1])))
    const [subtopology] = graph.subtopologies
    const [spec] = graph.stores
    if (subtopology === undefined || spec === undefined) throw new Error('the topology has no store')
    this.#handle = handle
    this.#cache = new EntryCache(cacheBytes)
    this.#view = new StateView({ spec, cache: this.#cache, strict: false })
    this.#view.attach(handle, 0)
    const task = new TaskTime({ committed: Number.NEGATIVE_INFINITY })
    const source = task.source(0, Number.NEGATIVE_INFINITY)
    const eventTime = { task, sourceOf: () => source }
    this.#pipeline = compileTask(subtopology, {
      partition: 0,
      plan,
      views: new Map([[spec.name, this.#view]]),
      outputs: this.#outputs,
      metrics: noMetrics,
      print: () => {},
      keyKinds: new KeyKinds(graph.ids, {}),
      time: { ...eventTime, isTimed: () => false, behind: () => eventTime, merged: () => task },
      tables: new Map(),
    })
  }

  get isDue(): boolean {
    return this.#pipeline.isDue
  }

  /** What the cache and the apply queue say that they hold, bytes. */
  get held(): number {
    return this.#cache.bytes + this.#queue.bytes
  }

  /** As the worker does it: what stands between two awaits of I/O there blocks here too. */
  async batch(keys: readonly string[], time: number): Promise<void> {
    this.#batch += 1
    this.#pipeline.begin({ time, number: this.#batch })
    if (keys.length > 0) this.#accept(keys, time)
    for (const stage of this.#pipeline.stages) {
      for (let load = stage.load(); load !== undefined; load = stage.load()) await load
      stage.run()
    }
    const writes = this.#view.takeChanges()
    let bytes = 0
    for (const write of writes) {
      const { bucket, key, value, timestamp } = write
      this.#outputs.append('changelog', 0, changelogKey(bucket, key), value, timestamp, undefined)
      bytes += heldBytes(write)
    }
    await this.#queue.reserve(bytes, new AbortController().signal)
    this.rows += this.#outputs.recordCounts().get('out') ?? 0
    for (const { records } of this.#outputs.batches()) records.finish(outsideTransactions)
    await setImmediate()
    this.#pipeline.end()
    const to = this.#position + writes.length + 1
    this.#queue.enqueue({ view: this.#view, handle: this.#handle, from: this.#position, to, writes, reserved: bytes })
    this.#position = to
    this.#outputs.recycle()
    await setImmediate()
  }

  async applied(): Promise<void> {
    await this.#queue.drained()
    if (this.#queue.failure !== null) throw this.#queue.failure
  }

  #accept(keys: readonly string[], time: number): void {
    const builder = new RecordBatchBuilder()
    for (const key of keys) builder.append(key, '1', time)
    const bytes = builder.finish(outsideTransactions)
    const { columns } = decodeRecords(bytes, 0, bytes.length, 0, null)
    this.#pipeline.accept({ topic: 'in', partition: 0, columns, from: 0, to: columns.count, nextOffset: columns.count })
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Without garbage. */
function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
/** In how many batches the heap is looked at once. */
const heapEvery = 25

/** For how long the event loop is blocked: by the clock, which other processes have a part in, and in time of this thread's CPU. */
class Blocks {
  longest = 0
  busiest = 0
  #at = systemClock.monotonic()
  #cpu = process.threadCpuUsage()
  readonly #timer = setInterval(() => this.#look(), 1)

  /** Leaves `act` out. */
  pausedFor<T>(act: () => T): T {
    this.#look()
    const result = act()
    this.#at = systemClock.monotonic()
    this.#cpu = process.threadCpuUsage()
    return result
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { user, system } = process.threadCpuUsage(this.#cpu)
    this.longest = Math.max(this.longest, systemClock.monotonic() - this.#at)
    this.busiest = Math.max(this.busiest, (user + system) / 1000)
    this.#at = systemClock.monotonic()
    this.#cpu = process.threadCpuUsage()
  }
}

async function measure(kind: Kind, handle: StoreHandle, windows: number): Promise<string> {
  const bed = new Bed(kind, handle, Number(values.cache))
  await handle.rebuild(0)
  for (let from = 0; from < windows; from += batchRecords) {
    const keys = Array.from({ length: Math.min(batchRecords, windows - from) }, (_, i) => `customer-${from + i}`)
    await bed.batch(keys, 1)
  }
  await bed.applied()
  const before = heapBytes()
  const [blocks, start, cpu] = [new Blocks(), systemClock.monotonic(), process.cpuUsage()]
  let [heapPeak, heldPeak] = [0, 0]
  // A record of its own, an age later.
  await bed.batch(['last'], 10 * sizeMs)
  let batches = 1
  for (; bed.isDue; batches += 1) {
    await bed.batch([], 10 * sizeMs)
    heldPeak = Math.max(heldPeak, bed.held)
    if (batches % heapEvery === 0) heapPeak = Math.max(heapPeak, blocks.pausedFor(heapBytes))
  }
  await bed.applied()
  blocks.stop()
  const seconds = (systemClock.monotonic() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`
  const ms = (duration: number) => `${duration.toFixed(0)} ms`
  return (
    `${kind.padEnd(9)} ${handle.id.application.padEnd(7)} ${bed.rows} rows in ${batches} batches: longest block ${ms(blocks.longest)} ` +
    `(${ms(blocks.busiest)} of CPU), ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU, ` +
    `heap ${mb(before)} → at most ${mb(heapPeak)}, ` +
    `of which cache and apply queue ${mb(heldPeak)}`
  )
}

const redis = values.stores.includes('redis') ? await RedisServer.start() : null
const backends = {
  memory: () => new MemoryStoreBackend(),
  async redis() {
    const backend = new RedisStoreBackend({
      url: redis?.url ?? '',
      log: silentLog,
      clock: systemClock,
      commandTimeoutMs: 60_000,
    })
    await backend.connect()
    return backend
  },
}
try {
  console.log(
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, load ${loadAverage().toFixed(1)}`,
  )
  for (const store of values.stores.split(',') as (keyof typeof backends)[])
    for (const kind of values.kinds.split(',') as Kind[]) {
      const backend = await backends[store]()
      const handle = await backend.acquire({ application: store, store: kind, partition: 0 }, 'topic-id')
      console.log(await measure(kind, handle, Number(values.windows)))
      await backend.close()
    }
} finally {
  await redis?.stop()
}
