/** A state view beside a plain map of what it should hold, through random batches. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { StoreUnavailableError } from '../../../service/errors.ts'
import type { Entry, StateView } from '../../../service/state/state-view.ts'
import type { StoreHandle, StoreWrite } from '../../../service/state/store-backend.ts'
import { restart, setUp } from './views.ts'

/** Times of buckets; null: the keyed entries. */
const places = [null, -1, 0, 3] as const
type Place = (typeof places)[number]
const keys = ['a', 'b', 'c', 'd', 'e', '\xff', ''] as const

interface Change {
  readonly place: Place
  readonly key: string
  /** Undefined deletes. */
  readonly value: number | undefined
}

interface Step {
  readonly changes: readonly Change[]
  /** What is to be scanned, up to so many entries, of which those found are deleted or left. */
  readonly scans: readonly { readonly time: Place; readonly limit: number; readonly deletes: boolean }[]
  /** How many segments are applied while the view loads, and after the batch. */
  readonly appliedMeanwhile: number
  readonly appliedAfter: number
  /** Calls of the store that fail, in the order of the calls. */
  readonly faults: readonly ('none' | 'before' | 'after')[]
  readonly restarts: boolean
}

const change = fc.record({
  place: fc.constantFrom(...places),
  key: fc.constantFrom(...keys),
  value: fc.oneof({ weight: 3, arbitrary: fc.nat(9) }, { weight: 2, arbitrary: fc.constant(undefined) }),
})
const limit = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(Number.POSITIVE_INFINITY))
const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.array(change, { maxLength: 12 }),
  scans: fc.array(fc.record({ time: fc.constantFrom(...places), limit, deletes: fc.boolean() }), { maxLength: 3 }),
  appliedMeanwhile: fc.nat(2),
  appliedAfter: fc.nat(3),
  faults: fc.array(fc.constantFrom('none', 'none', 'before', 'after'), { maxLength: 6 }),
  restarts: fc.nat(4).map((n) => n === 0),
})

export async function behavesAsAMap(): Promise<void> {
  const run = fc.record({
    bytesMax: fc.constantFrom(1, 600, 1e6),
    pageMax: fc.integer({ min: 1, max: 4 }),
    strict: fc.boolean(),
    steps: fc.array(step, { maxLength: 12 }),
  })
  await fc.assert(
    fc.asyncProperty(run, async ({ steps, pageMax, ...options }) => {
      const { store, view, handle: prompt, cache } = await setUp({ ...options, shape: 'bucketed' })
      store.pageMax = pageMax
      const handle = slowlyRead(prompt)
      view.attach(handle, 0)
      const model = new Model(view, handle)
      for (const one of steps) {
        const faults = [...one.faults]
        store.fault = (script) => (script === 'load' || script === 'scan' ? (faults.shift() ?? 'none') : 'none')
        await model.batch(one)
      }
      store.fault = () => 'none'
      await model.drain()
      view.beginBatch()
      assert.ok(cache.bytes <= options.bytesMax, 'all of it can be evicted')
      await restart(view, handle)
      model.compareBuckets()
      await model.batch({ changes: everything, scans: [], appliedMeanwhile: 0, appliedAfter: 0, faults: [], restarts: false })
    }),
    { numRuns: 400 },
  )
}

/** What was read comes after the answers to what was applied behind it. */
function slowlyRead(handle: StoreHandle): StoreHandle {
  const { id, marker, untrusted, found } = handle
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    return value
  }
  return {
    id,
    marker,
    untrusted,
    found,
    load: (at, entryKeys, orAt) => late(handle.load(at, entryKeys, orAt)),
    counts: (at, after) => handle.counts(at, after),
    scan: (at, range, orAt) => late(handle.scan(at, range, orAt)),
    apply: (chunk) => handle.apply(chunk),
    confirm: (at, currentAt) => handle.confirm(at, currentAt),
    rebuild: (position, leaderEpoch) => handle.rebuild(position, leaderEpoch),
  }
}

const everything = places.flatMap((place) => keys.map((key) => ({ place, key, value: undefined })))

class Model {
  readonly #view: StateView
  readonly #handle: StoreHandle
  readonly #held = new Map<Place, Map<string, number>>(places.map((place) => [place, new Map()]))
  readonly #unapplied: (readonly StoreWrite[])[] = []

  constructor(view: StateView, handle: StoreHandle) {
    this.#view = view
    this.#handle = handle
  }

  async batch({ changes, scans, appliedMeanwhile, appliedAfter, restarts }: Step): Promise<void> {
    const view = this.#view
    view.beginBatch()
    const before = new Map(places.map((place) => [place, new Map(this.#at(place))]))
    for (const { time, limit } of scans) view.scan(time, limit)
    const entries = changes.map(({ place, key }) => this.#entry(place, key))
    await this.#load(appliedMeanwhile)
    for (const { time, limit } of scans) this.#compareScan(time, limit)
    for (const { time, deletes } of scans)
      if (deletes) for (const entry of view.scanned(time).entries) this.#set(entry, undefined)
    for (const [i, { value }] of changes.entries()) {
      const entry = entries[i]
      assert.ok(entry?.loaded)
      assert.equal(entry.value, this.#at(entry.bucket as Place).get(entry.key))
      assert.equal(entry.before, before.get(entry.bucket as Place)?.get(entry.key))
      this.#set(entry, value)
    }
    this.compareBuckets()
    const writes = view.takeChanges()
    this.#compareWrites(writes, before)
    if (writes.length > 0) this.#unapplied.push(writes)
    await this.#apply(appliedAfter)
    if (!restarts) return
    await this.drain()
    await restart(view, this.#handle)
  }

  async drain(): Promise<void> {
    await this.#apply(this.#unapplied.length)
  }

  compareBuckets(): void {
    const times = places.flatMap((place) => (place !== null && this.#at(place).size > 0 ? [place] : []))
    const buckets = this.#view.buckets()
    assert.deepEqual([buckets.upTo(9), buckets.first, buckets.size], [times, times[0], times.length])
    for (const time of times) assert.equal(buckets.entries(time), this.#at(time).size)
  }

  #at(place: Place): Map<string, number> {
    const held = this.#held.get(place)
    assert.ok(held)
    return held
  }

  #entry(place: Place, key: string): Entry {
    if (place === null) return this.#view.entry(key)
    return this.#view.bucket(place).entry(key)
  }

  #set(entry: Entry, value: number | undefined): void {
    this.#view.set(entry, value, 1)
    const held = this.#at(entry.bucket as Place)
    if (value === undefined) held.delete(entry.key)
    else held.set(entry.key, value)
  }

  /** As often as it takes; segments are applied beside the first attempts. */
  async #load(appliedMeanwhile: number): Promise<void> {
    let applying = Promise.resolve()
    for (let attempt = 0; ; attempt++) {
      assert.ok(attempt < 20, 'loading comes to an end')
      const loading = this.#view.load()
      if (attempt < 2) applying = applying.then(() => this.#apply(attempt < appliedMeanwhile ? 1 : 0))
      try {
        await Promise.all([loading, applying])
        if (loading === undefined) return
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
      }
    }
  }

  /** The store has a chunk before its answer comes. */
  async #apply(segments: number): Promise<void> {
    for (let i = 0; i < segments; i++) {
      const writes = this.#unapplied.shift()
      if (writes === undefined) return
      const to = { position: this.#view.marker.position + 1, chunk: 0 }
      this.#view.sending(to)
      await this.#handle.apply({ from: this.#view.marker, to, writes })
      this.#view.moved(to)
      this.#view.applied(writes)
    }
  }

  /** What was found before the changes of the batch. */
  #compareScan(time: Place, limit: number): void {
    const { entries, complete } = this.#view.scanned(time)
    const held = this.#at(time)
    const found = entries.map(({ key }) => key)
    assert.deepEqual(found, [...new Set(found)].sort(), 'in order, each once')
    for (const { key, value, loaded, before } of entries)
      assert.deepEqual([value, loaded, before], [held.get(key), true, held.get(key)])
    assert.equal(complete, found.length === held.size)
    assert.ok(complete || found.length >= limit, `${found.length} of ${held.size}, ${limit} were asked for`)
  }

  /** One for each key that is not what it was, or was set to what it was. */
  #compareWrites(writes: readonly StoreWrite[], before: ReadonlyMap<Place, ReadonlyMap<string, number>>): void {
    const left = new Map(before)
    for (const place of places) left.set(place, new Map(before.get(place)))
    for (const { bucket, key, value } of writes) {
      const time = bucket === null ? null : (Number(bucket.readBigUInt64BE() - (1n << 63n)) as Place)
      const held = left.get(time) as Map<string, number>
      if (value === null) assert.ok(held.delete(key.toString('latin1')), 'a deletion of what was there')
      else held.set(key.toString('latin1'), JSON.parse(value.toString()) as number)
    }
    for (const place of places) assert.deepEqual(left.get(place), this.#at(place))
  }
}
