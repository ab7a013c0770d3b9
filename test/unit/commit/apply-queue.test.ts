import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, systemClock } from '../../../service/clock.ts'
import { ApplyQueue, type Segment } from '../../../service/commit/apply-queue.ts'
import { type CaudalError, FatalError, StoppedError, StoreFencedError, StoreLostError } from '../../../service/errors.ts'
import { type GaugeName, noMetrics } from '../../../service/metrics.ts'
import { EntryCache } from '../../../service/state/entry-cache.ts'
import { type CallFault, ScriptedStore } from '../../../service/state/scripted-store.ts'
import { StateView } from '../../../service/state/state-view.ts'
import type { Chunk, StoreHandle, StoreId } from '../../../service/state/store-backend.ts'

const codec = {
  name: 'text',
  encode: (value: unknown) => Buffer.from(String(value)),
  decode: (bytes: Buffer) => bytes.toString(),
}
const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
const never = new AbortController().signal

/** A clock whose sleeps end at the next turn, count as elapsed, and are written down. */
function quickClock() {
  const slept: number[] = []
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + sum(slept),
    sleep: async (ms) => {
      slept.push(ms)
      await turn()
    },
  }
  return { clock, slept }
}

async function setUp({ bytesMax = 1000 } = {}) {
  const { clock, slept } = quickClock()
  const store = new ScriptedStore(systemClock)
  const backend = store.backend(clock)
  const failures: CaudalError[] = []
  const gauges = new Map<GaugeName, number>()
  let attempts = 0
  const queue = new ApplyQueue({
    bytesMax,
    clock,
    metrics: { ...noMetrics, set: (name, value) => void gauges.set(name, value) },
    progress: () => void (attempts += 1),
    onFailure: (failure) => void failures.push(failure),
  })
  const open = async (name: string) => {
    const id: StoreId = { application: 'app', store: name, partition: 0 }
    const handle = await backend.acquire(id, 'topic')
    await handle.rebuild(0)
    const view = new StateView({ spec: { name, shape: 'keyed', codec }, cache: new EntryCache(1e9), strict: false })
    view.attach(handle, 0)
    return { id, handle, view }
  }
  return { queue, store, backend, slept, failures, gauges, open, attempts: () => attempts }
}

interface Open {
  readonly view: StateView
  readonly handle: StoreHandle
}

async function segment(
  { view, handle }: Open,
  from: number,
  to: number,
  values: Readonly<Record<string, string>>,
): Promise<Segment> {
  view.beginBatch()
  const entries = Object.keys(values).map((key) => view.entry(key))
  await view.load()
  for (const entry of entries) view.set(entry, values[entry.key], 1)
  return { view, handle, from, to, writes: view.takeChanges(), reserved: 100 }
}

/** The handle with its applies held back until they are let through. */
function held(handle: StoreHandle) {
  const waiting: (() => void)[] = []
  let inFlight = 0
  let most = 0
  const wrapped: StoreHandle = {
    id: handle.id,
    marker: handle.marker,
    untrusted: handle.untrusted,
    found: handle.found,
    load: (at, keys, orAt) => handle.load(at, keys, orAt),
    counts: (at, after) => handle.counts(at, after),
    scan: (at, range, orAt) => handle.scan(at, range, orAt),
    confirm: (at, currentAt) => handle.confirm(at, currentAt),
    rebuild: (position, leaderEpoch) => handle.rebuild(position, leaderEpoch),
    async apply(chunk: Chunk) {
      inFlight += 1
      most = Math.max(most, inFlight)
      await new Promise<void>((resolve) => waiting.push(resolve))
      inFlight -= 1
      await handle.apply(chunk)
    },
  }
  return { handle: wrapped, letThrough: () => waiting.shift()?.(), waiting, most: () => most }
}

describe('apply queue', () => {
  it('applies the segments of a store in order, several stores side by side', async () => {
    const { queue, store, open, gauges } = await setUp()
    const [a, b] = [await open('a'), await open('b')]
    for (const [index, each] of [a, b, a, b].entries()) {
      const from = index < 2 ? 0 : 5
      await queue.reserve(100, never)
      queue.enqueue(await segment(each, from, from + 5, { k: `${index}`, [`k${index}`]: 'x' }))
    }
    await queue.drained()
    assert.equal(store.entries(a.id).get('k')?.toString(), '2')
    assert.equal(store.entries(b.id).get('k')?.toString(), '3')
    assert.deepEqual(a.view.marker, { position: 10, chunk: 0 })
    assert.equal(queue.bytes, 0)
    assert.equal(gauges.get('caudal_apply_queue_bytes'), 0)
    assert.equal(queue.failure, null)
  })

  it('moves the marker for a segment without writes', async () => {
    const { queue, open, backend } = await setUp()
    const a = await open('a')
    queue.enqueue(await segment(a, 0, 7, {}))
    await queue.drained()
    assert.deepEqual((await backend.acquire(a.id, 'topic')).marker, { position: 7, chunk: 0 })
  })

  it('tells the store in which leader epoch a segment was written, and that the changelog ended with it when it was committed', async () => {
    const { queue, open, backend, store, slept } = await setUp()
    const a = await open('a')
    let isAway = true
    store.fault = (script) => (isAway && script === 'apply' ? 'before' : 'none')
    for (const [from, to] of [
      [0, 7],
      [7, 9],
    ] as const)
      queue.enqueue({ ...(await segment(a, from, to, { k: '1' })), leaderEpoch: to })
    while (sum(slept) < 60_000) await turn()
    isAway = false
    await queue.drained()
    const { found } = await backend.acquire(a.id, 'topic')
    assert.equal(found?.leaderEpoch, 9)
    assert.ok(found.ageMs >= 60_000, `${found.ageMs}`)
  })

  it('confirms the marker for a segment that leads nowhere, in its turn', async () => {
    const { queue, open, backend, store } = await setUp()
    const a = await open('a')
    const calls: string[] = []
    store.fault = (script) => {
      calls.push(script)
      return calls.length === 2 ? 'after' : 'none'
    }
    for (const [from, to] of [
      [0, 7],
      [7, 7],
      [7, 9],
    ] as const)
      queue.enqueue(await segment(a, from, to, {}))
    await queue.drained()
    assert.deepEqual(calls, ['apply', 'confirm', 'confirm', 'apply'])
    assert.equal(queue.failure, null)
    assert.deepEqual((await backend.acquire(a.id, 'topic')).marker, { position: 9, chunk: 0 })
  })

  it('has one chunk of a store in flight', async () => {
    const { queue, open } = await setUp({ bytesMax: 1e9 })
    const a = await open('a')
    const gate = held(a.handle)
    const values = Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`k${index}`, 'v']))
    const slow = { view: a.view, handle: gate.handle }
    queue.enqueue(await segment(slow, 0, 1, values))
    queue.enqueue(await segment(slow, 1, 2, { k: 'v' }))
    for (let chunk = 0; chunk < 4; chunk++) {
      assert.equal(gate.waiting.length, 1)
      gate.letThrough()
      await turn()
    }
    await queue.drained()
    assert.equal(gate.most(), 1)
  })

  it('tells the view of each chunk: between two of them the store can be loaded from', async () => {
    const { queue, open } = await setUp({ bytesMax: 1e9 })
    const a = await open('a')
    const gate = held(a.handle)
    const values = Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`k${index}`, 'v']))
    queue.enqueue(await segment({ view: a.view, handle: gate.handle }, 0, 1, values))
    for (let chunk = 0; chunk < 3; chunk++) {
      a.view.beginBatch()
      const other = a.view.entry(`other ${chunk}`)
      await a.view.load()
      assert.ok(other.loaded)
      gate.letThrough()
      await turn()
    }
    await queue.drained()
  })

  it('refuses a segment that does not begin where the last one ended', async () => {
    const { queue, open } = await setUp()
    const a = await open('a')
    const gap = await segment(a, 1, 2, {})
    assert.throws(() => queue.enqueue(gap), FatalError)
    queue.enqueue(await segment(a, 0, 2, {}))
    assert.throws(() => queue.enqueue(gap), FatalError)
  })

  it('says what a store waits for, and since when', async () => {
    const { queue, open } = await setUp()
    const a = await open('a')
    const { handle, waiting } = held(a.handle)
    assert.deepEqual(queue.lag(handle), { bytes: 0, since: null })
    const before = systemClock.monotonic()
    for (const from of [0, 5]) queue.enqueue({ ...(await segment(a, from, from + 5, { k: `${from}` })), handle })
    const { bytes, since } = queue.lag(handle)
    assert.equal(bytes, 200)
    assert.ok(since !== null && since >= before && since <= systemClock.monotonic())
    waiting.shift()?.()
    await turn()
    const next = queue.lag(handle)
    assert.equal(next.bytes, 100)
    assert.ok(next.since !== null && next.since >= since)
    waiting.shift()?.()
    await queue.drained()
    assert.deepEqual(queue.lag(handle), { bytes: 0, since: null })
  })

  it('repeats a chunk until its outcome is known, each attempt being progress', async () => {
    const { queue, store, open, slept, attempts } = await setUp()
    const a = await open('a')
    const faults: CallFault[] = ['before', 'before', 'after', 'before', 'none']
    store.fault = (script) => (script === 'apply' ? (faults.shift() ?? 'none') : 'none')
    queue.enqueue(await segment(a, 0, 5, { k: '1' }))
    await queue.drained()
    assert.equal(store.entries(a.id).get('k')?.toString(), '1')
    assert.deepEqual(slept, [20, 40, 80, 160])
    assert.equal(attempts(), 5)
  })

  it('reserve waits while the queue is full, and lets a giant through alone', async () => {
    const { queue, open } = await setUp({ bytesMax: 250 })
    const a = await open('a')
    const gate = held(a.handle)
    const slow = { view: a.view, handle: gate.handle }
    await queue.reserve(100, never)
    queue.enqueue(await segment(slow, 0, 1, { k: '1' }))
    await queue.reserve(100, never)
    queue.enqueue(await segment(slow, 1, 2, { k: '2' }))
    let reserved = false
    const waiting = queue.reserve(1000, never).then(() => (reserved = true))
    gate.letThrough()
    await turn()
    assert.equal(reserved, false)
    gate.letThrough()
    await waiting
    assert.equal(queue.bytes, 1000)
  })

  it('a wait for room ends with its signal', async () => {
    const { queue } = await setUp()
    await queue.reserve(1000, never)
    const controller = new AbortController()
    const waiting = queue.reserve(1, controller.signal)
    controller.abort()
    await assert.rejects(waiting, StoppedError)
    await assert.rejects(queue.reserve(1, controller.signal), StoppedError)
    assert.equal(queue.bytes, 1000)
  })

  it('a store that was lost or taken over is a failure, told once; waits for room end with it', async () => {
    for (const [verdict, happen] of [
      [StoreLostError, (store: ScriptedStore) => Promise.resolve(store.loseEverything())],
      [StoreFencedError, async (_: ScriptedStore, acquire: () => Promise<unknown>) => void (await acquire())],
    ] as const) {
      const { queue, store, backend, open, failures } = await setUp({ bytesMax: 100 })
      const a = await open('a')
      const doomed = await segment(a, 0, 1, { k: '1' })
      await queue.reserve(100, never)
      await happen(store, () => backend.acquire(a.id, 'topic'))
      queue.enqueue(doomed)
      await assert.rejects(queue.reserve(100, never), verdict)
      await queue.drained()
      assert.ok(queue.failure instanceof verdict)
      assert.deepEqual(failures, [queue.failure])
      await queue.discard()
      assert.equal(queue.failure, null)
      assert.equal(queue.bytes, 0)
    }
  })

  it('release drops a store without waiting, and tells its view nothing more', async () => {
    const { queue, open, store } = await setUp()
    const [a, b] = [await open('a'), await open('b')]
    const gate = held(a.handle)
    const slow = { view: a.view, handle: gate.handle }
    await queue.reserve(300, never)
    queue.enqueue(await segment(slow, 0, 1, { k: '1' }))
    queue.enqueue(await segment(slow, 1, 2, { k: '2' }))
    queue.enqueue(await segment(b, 0, 1, { k: '3' }))
    queue.release(gate.handle)
    a.view.discard()
    await queue.drained()
    assert.equal(queue.bytes, 0)
    assert.equal(gate.waiting.length, 1)
    gate.letThrough()
    await queue.discard()
    assert.equal(store.entries(a.id).get('k')?.toString(), '1')
    assert.deepEqual(a.view.marker, { position: 0, chunk: 0 })
    assert.equal(queue.failure, null)
  })

  it('discard gives up on a store that is away, and waits for what is in flight', async () => {
    const { queue, open, store } = await setUp()
    const [a, b] = [await open('a'), await open('b')]
    const gate = held(b.handle)
    queue.enqueue(await segment(a, 0, 1, { k: '1' }))
    queue.enqueue(await segment({ view: b.view, handle: gate.handle }, 0, 1, { k: '1' }))
    store.fault = () => 'before'
    let discarded = false
    const discarding = queue.discard().then(() => (discarded = true))
    for (let i = 0; i < 5; i++) await turn()
    assert.equal(discarded, false)
    gate.letThrough()
    await discarding
    assert.equal(queue.bytes, 0)
  })
})
