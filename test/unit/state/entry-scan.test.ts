import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FatalError, StoreLostError, StoreUnavailableError } from '../../../service/errors.ts'
import type { ScriptName } from '../../../service/state/scripted-store.ts'
import type { StateView } from '../../../service/state/state-view.ts'
import { apply, fill, numbered, restart, setUp, type ViewOptions } from './views.ts'

const noon = 1_700_000_000_000

async function bucketed(options: ViewOptions = {}) {
  const parts = await setUp({ ...options, shape: 'bucketed' })
  const calls: ScriptName[] = []
  parts.store.fault = (script) => {
    calls.push(script)
    return 'none'
  }
  return { ...parts, calls }
}

/** Fills a bucket, and begins anew with nothing in memory. */
async function stored(count: number, options: ViewOptions = {}) {
  const parts = await bucketed(options)
  const { view, handle, calls } = parts
  for (const chunk of chunked(Object.entries(numbered(count)))) {
    await apply(view, handle, await fill(view, noon, Object.fromEntries(chunk)))
    view.beginBatch()
  }
  await restart(view, handle)
  calls.length = 0
  return parts
}

function chunked<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / 1000) }, (_, index) => items.slice(index * 1000, (index + 1) * 1000))
}

/** One slice of a close: what was found in it, and whether it was the last. */
async function closeSome(view: StateView, limit: number) {
  view.beginBatch()
  view.scan(noon, limit)
  await view.load()
  const { entries, complete } = view.scanned(noon)
  for (const entry of entries) view.set(entry, undefined, noon)
  return { keys: entries.map(({ key }) => key), complete, writes: view.takeChanges() }
}

describe('scan of a bucket', () => {
  it('finds all that the store has, sorted by key bytes, in one load', async () => {
    const { view, calls } = await stored(2500)
    view.scan(noon, Number.POSITIVE_INFINITY)
    await view.load()
    const { entries, complete } = view.scanned(noon)
    assert.deepEqual([entries.map(({ key }) => key), complete], [Object.keys(numbered(2500)), true])
    assert.deepEqual(entries[7], view.bucket(noon).entry('k00007'))
    assert.deepEqual([entries[7]?.value, entries[7]?.before, entries[7]?.bucket], [7, 7, noon])
    assert.deepEqual(calls, ['scan', 'scan', 'scan'])
    assert.equal(view.load(), undefined)
  })

  it('closes a large bucket in slices, each entry once, though nothing is applied on the way', async () => {
    for (const applies of [true, false]) {
      const { view, handle } = await stored(3000, { bytesMax: 50_000 })
      const found: string[] = []
      for (let slices = 0; view.buckets().first !== undefined; slices++) {
        assert.ok(slices < 20)
        const { keys, complete, writes } = await closeSome(view, 300)
        found.push(...keys)
        assert.equal(complete, found.length === 3000)
        assert.ok(keys.length >= 300 && keys.length <= 310)
        if (applies) await apply(view, handle, writes)
      }
      assert.deepEqual(found.sort(), Object.keys(numbered(3000)))
    }
  })

  it('asks the store for nothing where all of the bucket is in memory', async () => {
    const { view, handle, calls } = await bucketed()
    const unapplied = await fill(view, noon, { b: 1, a: 2, c: 3 })
    view.beginBatch()
    view.scan(noon, 2)
    assert.equal(view.load(), undefined)
    assert.deepEqual(
      view.scanned(noon).entries.map(({ key }) => key),
      ['a', 'b'],
    )
    assert.equal(view.scanned(noon).complete, false)
    view.scan(noon, 2)
    assert.equal(view.load(), undefined)
    assert.equal(view.scanned(noon).complete, true)
    await apply(view, handle, unapplied)
    assert.deepEqual(calls, ['apply'])
  })

  it('a bucket that holds nothing is complete', async () => {
    const { view, calls } = await bucketed()
    view.scan(noon, 10)
    assert.equal(view.load(), undefined)
    assert.deepEqual(view.scanned(noon), { entries: [], complete: true })
    assert.deepEqual(calls, [])
  })

  it('what is in memory counts: changed and deleted entries, and those that the store does not have yet', async () => {
    const { view, store } = await stored(5)
    store.pageMax = 1
    await fill(view, noon, { k00001: undefined, k00002: 'changed', other: 'new' })
    view.beginBatch()
    view.scan(noon, 100)
    await view.load()
    const { entries, complete } = view.scanned(noon)
    assert.deepEqual(
      entries.map(({ key, value, before }) => [key, value, before]),
      [
        ['k00000', 0, 0],
        ['k00002', 'changed', 'changed'],
        ['k00003', 3, 3],
        ['k00004', 4, 4],
        ['other', 'new', 'new'],
      ],
    )
    assert.equal(complete, true)
  })

  it('finds at once what came into the bucket since it was loaded', async () => {
    const { view, calls } = await stored(100)
    view.scan(noon, 1000)
    const [known, other] = [view.bucket(noon).entry('k00000'), view.bucket(noon).entry('other')]
    await view.load()
    assert.equal(view.scanned(noon).entries.length, 100)
    view.set(known, 'changed', 1)
    view.set(other, 'new', 1)
    assert.equal(view.scanned(noon).complete, false)
    calls.length = 0
    view.scan(noon, 1000)
    assert.equal(view.load(), undefined)
    const { entries, complete } = view.scanned(noon)
    assert.deepEqual([entries.length, entries[0], entries[100], complete], [101, known, other, true])
    assert.deepEqual(calls, [])
  })

  it('a page leaves memory after its batch', async () => {
    const { view, cache } = await stored(1000, { bytesMax: 1000 })
    view.scan(noon, 500)
    await view.load()
    assert.ok(cache.bytes > 100_000)
    view.beginBatch()
    assert.ok(cache.bytes <= 1000)
    assert.equal(view.buckets().entries(noon), 1000)
  })

  it('goes on after a failure where it was', async () => {
    const { view, store } = await stored(100)
    store.pageMax = 10
    let scans = 0
    store.fault = (script) => (script === 'scan' && ++scans % 3 === 0 ? 'after' : 'none')
    view.scan(noon, 100)
    for (let loading = view.load(); loading !== undefined; loading = view.load())
      await loading.catch((error: unknown) => assert.ok(error instanceof StoreUnavailableError))
    assert.deepEqual([view.scanned(noon).entries.length, view.scanned(noon).complete], [100, true])
  })

  it('finds what pages have left out, as a failover in between may make them', async () => {
    const { view, handle, store } = await stored(100)
    store.pageMax = 10
    let scans = 0
    const forgetful = Object.assign(Object.create(handle) as typeof handle, {
      scan: async (...[at, range, orAt]: Parameters<typeof handle.scan>) => {
        const page = await handle.scan(at, range, orAt)
        return ++scans === 4 ? { ...page, entries: [], cursor: null } : page
      },
    })
    view.attach(forgetful, 1, { keyed: 0, buckets: [{ time: noon, entries: 100 }] })
    view.beginBatch()
    view.scan(noon, 100)
    await view.load()
    assert.deepEqual([view.scanned(noon).entries.length, view.scanned(noon).complete], [100, true])
  })

  it('a bucket that has less than was counted is lost', async () => {
    const { view, handle } = await stored(10)
    view.attach(handle, 1, { keyed: 0, buckets: [{ time: noon, entries: 11 }] })
    view.beginBatch()
    view.scan(noon, 100)
    await assert.rejects(async () => view.load(), StoreLostError)
  })

  it('forgets what it was reading when the view is discarded', async () => {
    const { view, handle, cache } = await stored(10)
    view.scan(noon, 100)
    const loading = view.load()
    view.discard()
    await loading
    assert.equal(cache.bytes, 0)
    view.attach(handle, 1, { keyed: 0, buckets: [{ time: noon, entries: 10 }] })
    view.beginBatch()
    assert.throws(() => view.scanned(noon), FatalError)
    view.scan(noon, 100)
    await view.load()
    assert.equal(view.scanned(noon).complete, true)
  })

  it('reads many buckets side by side', async () => {
    const { view, handle, calls } = await bucketed()
    const times = Array.from({ length: 50 }, (_, index) => index - 25)
    for (const time of times) for (const key of ['a', 'b']) view.set(view.bucket(time).entry(key), time, 1)
    await apply(view, handle, view.takeChanges())
    assert.deepEqual(view.buckets().upTo(100), times)
    await restart(view, handle)
    calls.length = 0
    for (const time of view.buckets().upTo(100)) view.scan(time, 10)
    await view.load()
    assert.ok(
      view
        .buckets()
        .upTo(100)
        .every((time) => view.scanned(time).complete && view.scanned(time).entries.length === 2),
    )
  })
})

describe('scan of the keyed entries', () => {
  /** A store with keyed entries, read anew by a view that has nothing in memory. */
  async function keyed(count: number, options: ViewOptions = {}) {
    const parts = await setUp(options)
    const { view, handle, store } = parts
    const values = numbered(count)
    for (const chunk of chunked(Object.keys(values))) {
      const entries = chunk.map((key) => view.entry(key))
      await view.load()
      for (const entry of entries) view.set(entry, values[entry.key], 1)
      await apply(view, handle, view.takeChanges())
      view.beginBatch()
    }
    await restart(view, handle)
    const calls: ScriptName[] = []
    store.fault = (script) => {
      calls.push(script)
      return 'none'
    }
    return { ...parts, calls }
  }
  const all = Number.POSITIVE_INFINITY

  it('finds all of them in each batch, and asks the store but once where they stay in memory', async () => {
    const { view, calls } = await keyed(2500)
    for (let batch = 0; batch < 3; batch++) {
      view.beginBatch()
      view.scan(null, all)
      await view.load()
      const { entries, complete } = view.scanned(null)
      assert.deepEqual([entries.map(({ key }) => key), complete], [Object.keys(numbered(2500)), true])
    }
    assert.deepEqual(calls, ['scan', 'scan', 'scan'])
  })

  it('finds all of them in each batch where nothing stays in memory', async () => {
    const { view, cache, store } = await keyed(300, { bytesMax: 1 })
    store.pageMax = 70
    for (let batch = 0; batch < 3; batch++) {
      view.beginBatch()
      assert.equal(cache.bytes, 0)
      view.scan(null, all)
      await view.load()
      assert.deepEqual([view.scanned(null).entries.length, view.scanned(null).complete], [300, true])
    }
  })

  it('counts what came, changed and went, applied or not; a key that was never seen is still asked for', async () => {
    const { view, handle, calls } = await keyed(10)
    const [gone, known, fresh] = [view.entry('k00001'), view.entry('k00002'), view.entry('new')]
    await view.load()
    view.set(gone, undefined, 1)
    view.set(known, 'changed', 1)
    view.set(fresh, 'new', 1)
    const writes = view.takeChanges()
    for (const applies of [false, true]) {
      if (applies) await apply(view, handle, writes)
      view.beginBatch()
      view.scan(null, all)
      await view.load()
      const { entries, complete } = view.scanned(null)
      assert.deepEqual([entries.length, complete, entries[1]?.value, entries[9]?.value], [10, true, 'changed', 'new'])
    }
    calls.length = 0
    assert.equal(view.entry('other').loaded, false)
    await view.load()
    assert.deepEqual(calls, ['load'])
  })

  it('two that wait for one scan get all of it', async () => {
    const { view, store } = await keyed(100)
    store.pageMax = 10
    view.scan(null, all)
    const first = view.load()
    view.scan(null, all)
    await Promise.all([first, view.load()])
    assert.deepEqual([view.scanned(null).entries.length, view.scanned(null).complete], [100, true])
  })

  it('less than was counted is a loss', async () => {
    const { view, handle } = await keyed(10)
    view.attach(handle, view.marker.position, { keyed: 11, buckets: [] })
    view.beginBatch()
    view.scan(null, all)
    await assert.rejects(async () => view.load(), StoreLostError)
  })
})
