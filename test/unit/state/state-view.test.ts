import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FatalError, StoreLostError, StoreUnavailableError } from '../../../service/errors.ts'
import { entrySize } from '../../../service/state/entry-cache.ts'
import type { StateView } from '../../../service/state/state-view.ts'
import type { StoreWrite } from '../../../service/state/store-backend.ts'
import type { StoreSpec } from '../../../service/topology/node.ts'
import { behavesAsAMap } from './view-model.ts'
import { apply, id, json, setUp } from './views.ts'

const bytes: StoreSpec['codec'] = { name: 'bytes', encode: (value) => value as Buffer, decode: (value) => value }

async function setAll(view: StateView, values: Readonly<Record<string, unknown>>): Promise<readonly StoreWrite[]> {
  const entries = Object.keys(values).map((key) => view.entry(key))
  await view.load()
  for (const entry of entries) view.set(entry, values[entry.key], 1)
  return view.takeChanges()
}

const shown = (writes: readonly StoreWrite[]) => writes.map(({ key, value }) => [key.toString(), value?.toString() ?? null])

describe('state view', () => {
  it('loads what was asked for, once, and remembers what is not there', async () => {
    const { view, handle, store } = await setUp()
    await apply(view, handle, await setAll(view, { a: 1, b: 2 }))
    view.discard()
    view.attach(handle, 1)
    view.beginBatch()
    let loads = 0
    store.fault = (script) => {
      if (script === 'load') loads += 1
      return 'none'
    }
    const [a, b, c] = [view.entry('a'), view.entry('b'), view.entry('c')]
    assert.equal(a.loaded, false)
    await view.load()
    assert.deepEqual([a.value, a.before, a.loaded, b.value, c.value, c.loaded], [1, 1, true, 2, undefined, true])
    assert.equal(view.load(), undefined)
    view.beginBatch()
    assert.equal(view.entry('c'), c)
    assert.equal(view.load(), undefined)
    assert.equal(loads, 1)
  })

  it('counts what batches use, and what of it was not in memory', async () => {
    const { store, cache, view } = await setUp()
    view.entry('a')
    view.entry('b')
    await view.load()
    view.entry('a')
    assert.deepEqual(cache.takeLookups(), { used: 0, loaded: 0 }, 'a batch counts when it ends')
    view.beginBatch()
    assert.deepEqual(cache.takeLookups(), { used: 2, loaded: 2 })
    view.entry('a')
    view.entry('c')
    store.fault = () => 'before'
    await assert.rejects(async () => view.load())
    store.fault = () => 'none'
    await view.load()
    view.discard()
    assert.deepEqual(cache.takeLookups(), { used: 2, loaded: 1 }, 'what failed is asked for again, and counts once')
  })

  it('loads many keys in bounded pieces', async () => {
    const { view, handle } = await setUp()
    const keys = Array.from({ length: 3300 }, (_, index) => `key-${index}`)
    for (let start = 0; start < keys.length; start += 1000) {
      view.beginBatch()
      await apply(view, handle, await setAll(view, Object.fromEntries(keys.slice(start, start + 1000).map((key) => [key, key]))))
    }
    view.discard()
    view.attach(handle, 4)
    view.beginBatch()
    const entries = keys.map((key) => view.entry(key))
    await view.load()
    assert.deepEqual(
      entries.map(({ value }) => value),
      keys,
    )
  })

  it('encodes each change once, in order of first change, with the newest time', async () => {
    const { view } = await setUp()
    const [a, b] = [view.entry('a'), view.entry('b')]
    await view.load()
    view.set(b, 1, 5)
    view.set(a, 1, 7)
    view.set(b, 2, 9)
    view.set(b, 3, 8)
    assert.deepEqual(
      view.changed().map(({ key }) => key),
      ['b', 'a'],
    )
    const changes = view.takeChanges()
    assert.deepEqual(shown(changes), [
      ['b', '3'],
      ['a', '1'],
    ])
    assert.deepEqual(
      changes.map(({ timestamp, bucket }) => [timestamp, bucket]),
      [
        [9, null],
        [7, null],
      ],
    )
    assert.deepEqual([b.before, b.value], [undefined, 3])
    view.beginBatch()
    assert.equal(view.entry('b').before, 3)
    assert.deepEqual(view.changed(), [])
    assert.deepEqual(view.takeChanges(), [])
  })

  it('writes a deletion, but nothing for an entry that came and went within the batch', async () => {
    const { view } = await setUp()
    await setAll(view, { a: 1 })
    view.beginBatch()
    const [a, b] = [view.entry('a'), view.entry('b')]
    await view.load()
    view.set(b, 1, 1)
    view.set(b, undefined, 1)
    view.set(a, undefined, 1)
    assert.deepEqual(shown(view.takeChanges()), [['a', null]])
    view.beginBatch()
    assert.deepEqual([view.entry('a').value, view.entry('a').loaded], [undefined, true])
  })

  it('keeps keys as bytes', async () => {
    const { view, handle, store } = await setUp()
    const key = Buffer.from([0, 0xff, 0x80, 0x0a]).toString('latin1')
    const writes = await setAll(view, { [key]: 1 })
    assert.equal(writes[0]?.key.toString('hex'), '00ff800a')
    await apply(view, handle, writes)
    assert.ok(store.entries(id).has(key))
  })

  it('keeps changes in memory until they are applied, then lets them go', async () => {
    const { view, handle, store, cache } = await setUp({ bytesMax: 1 })
    const first = await setAll(view, { a: 1, gone: 1 })
    view.beginBatch()
    const [gone] = [view.entry('gone')]
    view.set(gone, undefined, 1)
    const second = view.takeChanges()
    view.beginBatch()
    store.fault = (script) => (script === 'load' ? 'before' : 'none')
    assert.deepEqual([view.entry('a').value, view.entry('gone').value, view.load()], [1, undefined, undefined])
    await apply(view, handle, first)
    view.beginBatch()
    assert.deepEqual([view.entry('gone').loaded, view.entry('gone').value], [true, undefined])
    assert.equal(view.entry('a').loaded, false)
    await apply(view, handle, second)
    store.fault = () => 'none'
    await view.load()
    assert.equal(view.entry('a').value, 1)
    view.beginBatch()
    assert.equal(cache.bytes, 0)
  })

  it('keeps entries that are in use, whatever becomes free beside', async () => {
    const { view, handle } = await setUp({ bytesMax: entrySize('a', 1) })
    const writes = await setAll(view, { a: 1 })
    view.beginBatch()
    const [a, b] = [view.entry('a'), view.entry('b')]
    await view.load()
    await apply(view, handle, writes)
    assert.equal(view.entry('a'), a)
    assert.equal(view.entry('b'), b)
    view.set(a, 2, 1)
    assert.deepEqual(shown(view.takeChanges()), [['a', '2']])
  })

  it('loads at either marker while a chunk is in flight, and whatever became of it', async () => {
    for (const fault of ['before', 'after'] as const) {
      const { view, handle, store } = await setUp()
      const writes = await setAll(view, { a: 1 })
      view.beginBatch()
      const b = view.entry('b')
      store.fault = (script) => (script === 'apply' ? fault : 'none')
      const to = { position: 1, chunk: 0 }
      view.sending(to)
      const applied = handle.apply({ from: view.marker, to, writes })
      const loaded = view.load()
      await assert.rejects(applied, StoreUnavailableError)
      await loaded
      assert.equal(b.loaded, true)
      view.entry('c')
      await view.load()
      store.fault = () => 'none'
      await apply(view, handle, writes)
    }
  })

  it('a load that failed can be repeated', async () => {
    const { view, store } = await setUp()
    const a = view.entry('a')
    store.fault = () => 'before'
    await assert.rejects(async () => view.load(), StoreUnavailableError)
    assert.equal(a.loaded, false)
    store.fault = () => 'none'
    await view.load()
    assert.equal(a.loaded, true)
  })

  it('a store that was lost rejects the load', async () => {
    const { view, store } = await setUp()
    view.entry('a')
    store.loseEverything()
    await assert.rejects(async () => view.load(), StoreLostError)
  })

  it('a load that answers after the view was dropped changes nothing', async () => {
    const { view, handle, cache } = await setUp()
    view.entry('a')
    const loading = view.load()
    view.discard()
    view.attach(handle, 0)
    view.beginBatch()
    const a = view.entry('a')
    await loading
    assert.equal(a.loaded, false)
    assert.equal(cache.bytes, entrySize('a', 0))
    await view.load()
    assert.equal(a.loaded, true)
  })

  it('discard forgets changes and pins', async () => {
    const { view, handle, cache } = await setUp()
    await setAll(view, { a: 1 })
    view.discard()
    assert.equal(cache.bytes, 0)
    view.attach(handle, 0)
    view.beginBatch()
    const a = view.entry('a')
    await view.load()
    assert.equal(a.value, undefined)
  })

  it('refuses a write before the load, and to an entry of another batch', async () => {
    const { view } = await setUp()
    const a = view.entry('a')
    assert.throws(() => view.set(a, 1, 1), FatalError)
    await view.load()
    view.beginBatch()
    assert.throws(() => view.set(a, 1, 1), FatalError)
  })

  it('shares no bytes with user code', async () => {
    const { view, handle, store } = await setUp({ codec: bytes })
    const value = Buffer.from('abc')
    const writes = await setAll(view, { a: value })
    value.fill(0)
    assert.deepEqual(shown(writes), [['a', 'abc']])
    await apply(view, handle, writes)
    view.discard()
    view.attach(handle, 1)
    view.beginBatch()
    const a = view.entry('a')
    await view.load()
    ;(a.value as Buffer).fill(0)
    assert.equal(store.entries(id).get('a')?.toString(), 'abc')
  })

  it('shares no bytes with what is to be applied, where values go through the codec too', async () => {
    const { view } = await setUp({ codec: bytes, strict: true })
    const writes = await setAll(view, { a: Buffer.from('abc') })
    ;(view.entry('a').value as Buffer).fill(0)
    assert.deepEqual(shown(writes), [['a', 'abc']])
  })

  it('strict: values go through the codec at each batch, and are frozen', async () => {
    const { view } = await setUp({ strict: true })
    const value = { n: [1], when: new Date(0), lost: undefined }
    await setAll(view, { a: value })
    assert.ok(Object.isFrozen(value.n))
    assert.deepEqual(view.entry('a').value, { n: [1], when: '1970-01-01T00:00:00.000Z' })
    assert.throws(() => (view.entry('a').value as { n: number[] }).n.push(2), TypeError)
  })

  it('names store, key and codec where a value can not be encoded or decoded', async () => {
    const { view, store, handle } = await setUp()
    await assert.rejects(setAll(view, { k: 1n }), /Store s, key "k": codec json could not encode a value: .*BigInt/)
    await handle.apply({
      from: { position: 0, chunk: 0 },
      to: { position: 1, chunk: 0 },
      writes: [{ bucket: null, key: Buffer.from('k'), value: Buffer.from('{') }],
    })
    view.attach(handle, 1)
    view.entry('k')
    await assert.rejects(async () => view.load(), /Store s, key "k": codec json could not decode a value/)
    assert.equal(store.entries(id).size, 1)
  })

  it('refuses a codec that makes no bytes of a value', async () => {
    const { view } = await setUp({ codec: { ...json, encode: () => null } })
    await assert.rejects(setAll(view, { k: null }), FatalError)
  })

  it('refuses a codec that makes undefined of bytes', async () => {
    const { view, handle } = await setUp({ codec: { ...json, decode: () => undefined } })
    await apply(view, handle, await setAll(view, { k: 1 }))
    view.discard()
    view.attach(handle, 1)
    view.beginBatch()
    view.entry('k')
    await assert.rejects(async () => view.load(), /Store s, key "k": codec json made undefined/)
  })

  it('behaves as a plain map, keyed entries and buckets alike, whatever is evicted, applied late, or fails on the way', () =>
    behavesAsAMap())
})
