/** What every store backend must do: the suite of the port, with the faults of a store that outlives its owner where there are any. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoreFencedError, StoreLostError } from '../../service/errors.ts'
import { chunksOf } from '../../service/state/chunks.ts'
import type { Marker, StoreBackend, StoreHandle, StoreId, StoreWrite } from '../../service/state/store-backend.ts'

/** Things that happen to a durable store behind its owner's back. */
export interface StoreFaults {
  loseEverything(id: StoreId): Promise<void>
  loseKey(id: StoreId, key: 'm' | 'k' | 'x'): Promise<void>
  loseEntry(id: StoreId, key: Buffer): Promise<void>
  /** `bucket` as hex digits. */
  loseBucket(id: StoreId, bucket: string): Promise<void>
  /** Resolves with a function that sets the store back to what it holds now. */
  snapshot(id: StoreId): Promise<() => Promise<void>>
  /** All of it, as text that can be compared: keyed entries and, by hex digits, buckets. */
  contents(id: StoreId): Promise<unknown>
}

export interface StoreUnderTest {
  readonly backend: StoreBackend
  /** Null where the store does not outlive its owner. */
  readonly faults: StoreFaults | null
}

const zero: Marker = { position: 0, chunk: 0 }
const at = (position: number, chunk = 0): Marker => ({ position, chunk })
const topic = 'T'.repeat(22)
const put = (key: string, value: string | null): StoreWrite => ({
  bucket: null,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})
const putIn = (bucket: number, key: string, value: string | null): StoreWrite => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(bucket))
  return { ...put(key, value), bucket: bytes }
}

let stores = 0
/** A store that no other test uses. */
const newId = (): StoreId => ({ application: `suite-${process.pid}-${Date.now()}`, store: `s${stores++}`, partition: 3 })

async function emptyStore(backend: StoreBackend, id: StoreId, position = 0): Promise<StoreHandle> {
  const handle = await backend.acquire(id, topic)
  await handle.rebuild(position)
  return handle
}

async function loadText(handle: StoreHandle, marker: Marker, keys: readonly string[], or?: Marker): Promise<(string | null)[]> {
  const values = await handle.load(
    marker,
    keys.map((key) => Buffer.from(key)),
    or,
  )
  return values.map((value) => value?.toString() ?? null)
}

export function storeSuite(name: string, underTest: () => StoreUnderTest): void {
  describe(`store backend: ${name}`, () => {
    appliesAndLoads(underTest)
    checksMarkers(underTest)
    fences(underTest)
    if (underTest().faults === null) return
    describe('outlives its owner', () => {
      survives(underTest)
      noticesLosses(underTest)
      keepsBuckets(underTest)
    })
  })
}

function appliesAndLoads(underTest: () => StoreUnderTest): void {
  it('is empty after a rebuild, and gives back what was applied', async () => {
    const handle = await emptyStore(underTest().backend, newId(), 5)
    assert.deepEqual(await loadText(handle, at(5), ['a']), [null])
    await handle.apply({ from: at(5), to: at(9), writes: [put('a', '1'), put('b', '2'), put('a', '3'), put('c', '4')] })
    assert.deepEqual(await loadText(handle, at(9), ['c', 'x', 'a', 'b']), ['4', null, '3', '2'])
    await handle.apply({
      from: at(9),
      to: at(12),
      writes: [put('b', null), put('a', null), put('a', '5'), put('c', '6'), put('c', null)],
    })
    assert.deepEqual(await loadText(handle, at(12), ['a', 'b', 'c']), ['5', null, null])
    assert.deepEqual(await loadText(handle, at(12), []), [])
  })

  it('keeps any bytes in keys and values, empty ones too', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const keys = [
      all,
      Buffer.alloc(0),
      Buffer.from([0]),
      Buffer.from([0, 0]),
      Buffer.from('\r\n$5\r\n'),
      Buffer.from([0xff, 0xfe]),
    ]
    const writes = keys.map((key, index) => ({
      bucket: null,
      key,
      value: index === 1 ? Buffer.alloc(0) : Buffer.concat([all, key]),
    }))
    await handle.apply({ from: zero, to: at(1), writes })
    const loaded = await handle.load(at(1), keys)
    assert.deepEqual(
      loaded.map((value) => value?.toString('hex')),
      writes.map(({ value }) => value.toString('hex')),
    )
  })

  it('takes chunks of a thousand entries, and one large value', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const writes = Array.from({ length: 2500 }, (_, index) => put(`key-${index}`, `${index}`.repeat(5)))
    for (const chunk of chunksOf(zero, 10, writes)) await handle.apply(chunk)
    const keys = writes.slice(1500).map(({ key }) => key.toString())
    assert.deepEqual(
      await loadText(handle, at(10), keys),
      writes.slice(1500).map(({ value }) => value?.toString()),
    )
    for (const chunk of chunksOf(at(10), 11, [put('large', 'x'.repeat(1 << 20)), put('small', '1')])) await handle.apply(chunk)
    assert.deepEqual(
      (await loadText(handle, at(11), ['large', 'small'])).map((value) => value?.length),
      [1 << 20, 1],
    )
  })

  it('shares no bytes with whoever loads', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    await handle.apply({ from: zero, to: at(1), writes: [put('a', 'abc')] })
    const [loaded] = await handle.load(at(1), [Buffer.from('a')])
    loaded?.fill(0)
    assert.deepEqual(await loadText(handle, at(1), ['a']), ['abc'])
  })

  it('a rebuild empties what is there', async () => {
    const id = newId()
    const { backend, faults } = underTest()
    const handle = await emptyStore(backend, id)
    const buckets = Array.from({ length: 900 }, (_, index) => putIn(index - 450, 'k', 'v'))
    await handle.apply({ from: zero, to: at(1), writes: [put('a', '1'), ...buckets] })
    await handle.rebuild(40)
    assert.deepEqual(await loadText(handle, at(40), ['a']), [null])
    if (faults) assert.deepEqual(await faults.contents(id), { entries: {}, buckets: {} })
  })
}

function checksMarkers(underTest: () => StoreUnderTest): void {
  it('applies a chunk only onto its predecessor, and a repeat of the last one not at all', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const first = { from: zero, to: at(0, 1), writes: [put('a', '1')] }
    const second = { from: at(0, 1), to: at(8), writes: [put('a', '2')] }
    await assert.rejects(handle.apply(second), StoreLostError)
    await handle.apply(first)
    await handle.apply(first)
    await handle.apply(second)
    await handle.apply(second)
    await assert.rejects(handle.apply(first), StoreLostError)
    assert.deepEqual(await loadText(handle, at(8), ['a']), ['2'])
    await handle.apply({ from: at(8), to: at(20), writes: [] })
    assert.deepEqual(await loadText(handle, at(20), ['a']), ['2'])
  })

  it('loads only at one of the markers given', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    await handle.apply({ from: zero, to: at(4), writes: [put('a', '1')] })
    await assert.rejects(loadText(handle, zero, ['a']), StoreLostError)
    await assert.rejects(loadText(handle, at(4, 1), ['a']), StoreLostError)
    assert.deepEqual(await loadText(handle, zero, ['a'], at(4)), ['1'])
    assert.deepEqual(await loadText(handle, at(4), ['a'], at(5)), ['1'])
  })

  it('loads beside applies see one of the two markers, in the order in which they were sent', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    await handle.apply({ from: zero, to: at(1), writes: [put('k', 'v')] })
    const results: Promise<unknown>[] = []
    for (let position = 1; position < 50; position++) {
      const applied = handle.apply({ from: at(position), to: at(position + 1), writes: [put('a', `${position}`)] })
      results.push(loadText(handle, at(position), ['k'], at(position + 1)))
      await applied
    }
    assert.deepEqual(await Promise.all(results), Array(49).fill(['v']))
  })

  it('is lost before it was rebuilt', async () => {
    const handle = await underTest().backend.acquire(newId(), topic)
    assert.equal(handle.marker, null)
    assert.equal(typeof handle.untrusted, 'string')
    await assert.rejects(loadText(handle, zero, ['a']), StoreLostError)
    await assert.rejects(handle.apply({ from: zero, to: at(1), writes: [] }), StoreLostError)
  })
}

function fences(underTest: () => StoreUnderTest): void {
  it('a handle that was taken over changes and reads nothing', async () => {
    const id = newId()
    const { backend, faults } = underTest()
    const old = await emptyStore(backend, id)
    await old.apply({ from: zero, to: at(4), writes: [put('a', '1')] })
    const before = await faults?.contents(id)
    const handle = await backend.acquire(id, topic)
    await assert.rejects(old.apply({ from: at(4), to: at(5), writes: [put('a', '2')] }), StoreFencedError)
    await assert.rejects(loadText(old, at(4), ['a']), StoreFencedError)
    await assert.rejects(old.rebuild(0), StoreFencedError)
    assert.deepEqual(await faults?.contents(id), before)
    if (handle.marker === null) await handle.rebuild(4)
    await handle.apply({ from: at(4), to: at(5), writes: [put('a', '3')] })
    assert.deepEqual(await loadText(handle, at(5), ['a']), ['3'])
  })

  it('stores of one application do not meet', async () => {
    const { backend } = underTest()
    const [id, other] = [newId(), newId()]
    const handle = await emptyStore(backend, id)
    const neighbour = await emptyStore(backend, { ...id, partition: 4 })
    const foreign = await emptyStore(backend, other)
    await handle.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
    assert.deepEqual(await loadText(neighbour, zero, ['a']), [null])
    assert.deepEqual(await loadText(foreign, zero, ['a']), [null])
  })
}

type DurableTest = (backend: StoreBackend, faults: StoreFaults) => Promise<void>

function durably(underTest: () => StoreUnderTest, name: string, run: DurableTest): void {
  it(name, async () => {
    const { backend, faults } = underTest()
    assert.ok(faults)
    await run(backend, faults)
  })
}

function survives(underTest: () => StoreUnderTest): void {
  durably(underTest, 'the next owner finds the marker and the entries', async (backend) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(0, 1), writes: [put('a', '1')] })
    const next = await backend.acquire(id, topic)
    assert.deepEqual(next.marker, at(0, 1))
    assert.equal(next.untrusted, null)
    assert.deepEqual(await loadText(next, at(0, 1), ['a']), ['1'])
  })

  durably(underTest, 'nothing is trusted under another changelog topic', async (backend) => {
    const id = newId()
    await emptyStore(backend, id)
    const next = await backend.acquire(id, 'another')
    assert.equal(next.marker, null)
    assert.match(next.untrusted ?? '', /topic/)
    assert.equal((await backend.acquire(id, 'another')).marker, null)
    await (await backend.acquire(id, 'another')).rebuild(7)
    assert.deepEqual((await backend.acquire(id, 'another')).marker, at(7))
  })

  durably(
    underTest,
    'set back to an older state, it fences its owner; the next one goes on from the older marker',
    async (backend, faults) => {
      const id = newId()
      const handle = await emptyStore(backend, id)
      await handle.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
      const setBack = await faults.snapshot(id)
      const owner = await backend.acquire(id, topic)
      await owner.apply({ from: at(1), to: at(2), writes: [put('a', '2')] })
      await setBack()
      await assert.rejects(owner.apply({ from: at(2), to: at(3), writes: [] }), StoreFencedError)
      await assert.rejects(loadText(owner, at(2), ['a']), StoreFencedError)
      // The counter of the epoch is the same as `owner`'s now: the nonce tells them apart.
      const next = await backend.acquire(id, topic)
      assert.deepEqual(next.marker, at(1))
      await assert.rejects(loadText(owner, at(1), ['a']), StoreFencedError)
      await next.apply({ from: at(1), to: at(2), writes: [put('a', '2')] })
      assert.deepEqual(await loadText(next, at(2), ['a']), ['2'])
    },
  )

  durably(underTest, 'set back within one epoch, it is lost', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
    const setBack = await faults.snapshot(id)
    await handle.apply({ from: at(1), to: at(2), writes: [put('a', '2')] })
    await handle.apply({ from: at(2), to: at(3), writes: [put('a', '3')] })
    await setBack()
    await assert.rejects(loadText(handle, at(3), ['a'], at(4)), StoreLostError)
    await assert.rejects(handle.apply({ from: at(3), to: at(4), writes: [] }), StoreLostError)
    assert.deepEqual((await backend.acquire(id, topic)).marker, at(1))
  })
}

function noticesLosses(underTest: () => StoreUnderTest): void {
  const losses: Record<string, (faults: StoreFaults, id: StoreId) => Promise<void>> = {
    everything: (faults, id) => faults.loseEverything(id),
    'the key m': (faults, id) => faults.loseKey(id, 'm'),
    'the key k': (faults, id) => faults.loseKey(id, 'k'),
    'the key x': (faults, id) => faults.loseKey(id, 'x'),
    'one entry': (faults, id) => faults.loseEntry(id, Buffer.from('b')),
  }
  for (const [name, lose] of Object.entries(losses)) {
    durably(underTest, `notices the loss of ${name}, and can be rebuilt`, async (backend, faults) => {
      const id = newId()
      const writes = [put('a', '1'), put('b', '2'), putIn(1, 'c', '3'), putIn(-1, 'd', '4')]
      const handle = await emptyStore(backend, id)
      await handle.apply({ from: zero, to: at(1), writes })
      await lose(faults, id)
      await assert.rejects(loadText(handle, at(1), ['a']), StoreLostError)
      await assert.rejects(handle.apply({ from: at(1), to: at(2), writes: [put('z', '1')] }), StoreLostError)
      const next = await backend.acquire(id, topic)
      assert.equal(next.marker, null)
      await assert.rejects(loadText(handle, at(1), ['a']), StoreFencedError)
      await next.rebuild(0)
      await next.apply({ from: zero, to: at(1), writes })
      assert.deepEqual(await loadText(next, at(1), ['a', 'b']), ['1', '2'])
      const minusOne = 'ff'.repeat(8)
      const one = `${'00'.repeat(7)}01`
      assert.deepEqual(await faults.contents(id), {
        entries: { a: '1', b: '2' },
        buckets: { [one]: { c: '3' }, [minusOne]: { d: '4' } },
      })
    })
  }

  durably(underTest, 'notices the loss of a bucket when it is written to', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [putIn(1, 'a', '1'), putIn(2, 'b', '2')] })
    await faults.loseBucket(id, `${'00'.repeat(7)}01`)
    await handle.apply({ from: at(1), to: at(2), writes: [putIn(2, 'c', '3')] })
    await assert.rejects(handle.apply({ from: at(2), to: at(3), writes: [putIn(1, 'd', '4')] }), StoreLostError)
  })

  durably(underTest, 'a rebuild that was broken off is never taken for a store', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
    await faults.loseKey(id, 'k')
    assert.equal((await backend.acquire(id, topic)).marker, null)
    assert.equal((await backend.acquire(id, topic)).marker, null)
  })
}

function keepsBuckets(underTest: () => StoreUnderTest): void {
  durably(underTest, 'writes to buckets, and forgets the empty ones', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    const [one, two] = [`${'00'.repeat(7)}01`, `${'00'.repeat(7)}02`]
    await handle.apply({
      from: zero,
      to: at(1),
      writes: [putIn(1, 'a', '1'), put('a', 'k'), putIn(2, 'a', '2'), putIn(1, 'b', '3')],
    })
    assert.deepEqual(await faults.contents(id), {
      entries: { a: 'k' },
      buckets: { [one]: { a: '1', b: '3' }, [two]: { a: '2' } },
    })
    await handle.apply({
      from: at(1),
      to: at(2),
      writes: [putIn(1, 'a', null), putIn(1, 'b', null), putIn(2, 'a', '4'), putIn(3, 'n', null)],
    })
    assert.deepEqual(await faults.contents(id), { entries: { a: 'k' }, buckets: { [two]: { a: '4' } } })
    assert.deepEqual((await backend.acquire(id, topic)).marker, at(2))
  })
}
