/** What every store backend must do with buckets, and with all of its entries: load from them, count them, scan them page by page. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { StoreFencedError, StoreLostError } from '../../service/errors.ts'
import { bucketBytes } from '../../service/state/bucket-bytes.ts'
import { chunksOf } from '../../service/state/chunks.ts'
import { countEntries } from '../../service/state/entry-counts.ts'
import type { Marker, ScanPage, StoreHandle } from '../../service/state/store-backend.ts'
import { at, durably, emptyStore, hex, newId, put, putIn, type StoreUnderTest, topic, zero } from './store-fixtures.ts'

async function loadTextIn(handle: StoreHandle, marker: Marker, keys: readonly (readonly [number | null, string])[]) {
  const values = await handle.load(
    marker,
    keys.map(([time, key]) => ({ bucket: time === null ? null : bucketBytes(time), key: Buffer.from(key) })),
  )
  return values.map((value) => value?.toString() ?? null)
}

interface Scanning {
  readonly entriesMax?: number
  /** Done after each page but the last. */
  readonly between?: (page: number) => Promise<Marker>
}

/** All pages of a bucket, or (`time` null) of the keyed entries: its entries as text, how often each came, and how many pages there were. */
async function scanText(handle: StoreHandle, marker: Marker, time: number | null, { entriesMax = 1000, between }: Scanning = {}) {
  const found = new Map<string, string>()
  let [now, cursor, pages, entries]: [Marker, string | null, number, number] = [marker, null, 0, 0]
  do {
    const page: ScanPage = await handle.scan(now, { bucket: time === null ? null : bucketBytes(time), cursor, entriesMax })
    for (const { key, value } of page.entries) found.set(key.toString(), value.toString())
    pages += 1
    entries += page.entries.length
    cursor = page.cursor
    if (cursor !== null && between) now = await between(pages)
  } while (cursor !== null)
  return { found, pages, entries }
}

export function readsBuckets(underTest: () => StoreUnderTest): void {
  it('loads keyed entries and entries of buckets side by side, in the order of the keys', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const writes = [put('a', 'k'), putIn(1, 'a', '1'), putIn(2, 'a', '2'), putIn(1, 'b', '3'), putIn(1, '', '')]
    await handle.apply({ from: zero, to: at(1), writes })
    const keys = [
      [2, 'a'],
      [1, 'a'],
      [null, 'a'],
      [3, 'a'],
      [1, 'x'],
      [1, 'b'],
      [2, 'b'],
      [null, 'b'],
      [1, ''],
    ] as const
    assert.deepEqual(await loadTextIn(handle, at(1), keys), ['2', '1', 'k', null, null, '3', null, null, ''])
    await assert.rejects(loadTextIn(handle, zero, keys), StoreLostError)
    const many = Array.from({ length: 1000 }, (_, index) => [index - 500, 'a'] as const)
    const loaded = await loadTextIn(handle, at(1), many)
    assert.deepEqual([loaded.length, loaded[501], loaded[502], loaded[503]], [1000, '1', '2', null])
  })

  it('lists the buckets that hold anything, in the order of time, with their numbers of entries', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    assert.deepEqual(await countEntries(handle, zero), { keyed: 0, buckets: [] })
    const edges = [-(2 ** 53), -(2 ** 32) - 1, -(2 ** 32), -1, 0, 1, 2 ** 32, 1_700_000_000_000, 2 ** 53]
    const many = Array.from({ length: 2500 }, (_, index) => (index + 1) * 7)
    const times = [...edges, ...many].sort((a, b) => a - b)
    const shuffled = times.map((_, index) => times[(index * 1009) % times.length] ?? 0)
    const writes = [...shuffled.map((time) => putIn(time, 'a', '1')), putIn(7, 'b', ''), put('c', '3')]
    for (const chunk of chunksOf(zero, { to: 10, writes })) await handle.apply(chunk)
    const { keyed, buckets: listed } = await countEntries(handle, at(10))
    assert.equal(keyed, 1)
    assert.deepEqual(
      listed.map(({ time }) => time),
      times,
    )
    assert.deepEqual(
      listed.filter(({ entries }) => entries !== 1),
      [{ time: 7, entries: 2 }],
    )
    await handle.apply({ from: at(10), to: at(11), writes: [putIn(7, 'a', null), putIn(14, 'a', null), putIn(8, 'n', null)] })
    const { buckets: rest } = await countEntries(handle, at(11))
    assert.equal(rest.length, times.length - 1)
    assert.deepEqual(
      rest.find(({ time }) => time === 7),
      { time: 7, entries: 1 },
    )
    await assert.rejects(countEntries(handle, at(10)), StoreLostError)
    await handle.rebuild(20)
    assert.deepEqual(await countEntries(handle, at(20)), { keyed: 0, buckets: [] })
  })
}

export function scansBuckets(underTest: () => StoreUnderTest): void {
  const text = (count: number) => Array.from({ length: count }, (_, index) => [`key-${index}`, `value-${index}`] as const)
  const full = async (count: number) => {
    const handle = await emptyStore(underTest().backend, newId())
    const writes = [...text(count).map(([key, value]) => putIn(5, key, value)), putIn(6, 'other', '1'), put('keyed', '2')]
    for (const chunk of chunksOf(zero, { to: 1, writes })) await handle.apply(chunk)
    return handle
  }

  it('scans a bucket in bounded pages', async () => {
    for (const count of [1, 100, 5000]) {
      const handle = await full(count)
      const { found, pages } = await scanText(handle, at(1), 5)
      assert.deepEqual(found, new Map(text(count)))
      assert.ok(pages >= count / 1100, `${count} entries in ${pages} pages`)
    }
    const handle = await full(3000)
    const { found, pages } = await scanText(handle, at(1), 5, { entriesMax: 50 })
    assert.deepEqual([found.size, pages >= 30], [3000, true])
    assert.deepEqual([...(await scanText(handle, at(1), 6)).found], [['other', '1']])
    assert.deepEqual(await scanText(handle, at(1), 7), { found: new Map(), pages: 1, entries: 0 })
  })

  it('scans the keyed entries in bounded pages, beside buckets', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    assert.deepEqual(await scanText(handle, zero, null), { found: new Map(), pages: 1, entries: 0 })
    const writes = [...text(3000).map(([key, value]) => put(key, value)), putIn(5, 'other', '1')]
    for (const chunk of chunksOf(zero, { to: 1, writes })) await handle.apply(chunk)
    assert.deepEqual(await countEntries(handle, at(1)), { keyed: 3000, buckets: [{ time: 5, entries: 1 }] })
    const { found, pages } = await scanText(handle, at(1), null, { entriesMax: 50 })
    assert.deepEqual(found, new Map(text(3000)))
    assert.ok(pages >= 30)
    await handle.apply({ from: at(1), to: at(2), writes: [put('key-0', null), put('key-1', 'changed')] })
    assert.equal((await countEntries(handle, at(2))).keyed, 2999)
    const { found: rest } = await scanText(handle, at(2), null)
    assert.deepEqual([rest.size, rest.get('key-0'), rest.get('key-1')], [2999, undefined, 'changed'])
    await assert.rejects(scanText(handle, at(1), null), StoreLostError)
  })

  it('ends a page that has many bytes', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const writes = Array.from({ length: 600 }, (_, index) => putIn(5, `key-${index}`, 'x'.repeat(20_000)))
    for (const chunk of chunksOf(zero, { to: 1, writes })) await handle.apply(chunk)
    const { found, pages } = await scanText(handle, at(1), 5)
    assert.deepEqual([found.size, pages >= 12], [600, true])
  })

  it('misses none that stays, while others come and go between the pages', async () => {
    const handle = await full(4000)
    let position = 1
    const { found } = await scanText(handle, at(1), 5, {
      entriesMax: 100,
      between: async (page) => {
        // Every other entry goes, the earlier and the later ones, and as many come, so that tables shrink and grow.
        const gone = text(4000)
          .slice((page - 1) * 100, page * 100)
          .filter((_, index) => index % 2 === 1)
        const come = Array.from({ length: page < 10 ? 400 : 0 }, (_, index) => putIn(5, `new-${page}-${index}`, 'n'))
        const writes = [...gone.map(([key]) => putIn(5, key, null)), ...come]
        await handle.apply({ from: at(position), to: at(position + 1), writes })
        position += 1
        return at(position)
      },
    })
    const missed = text(4000).filter(([key], index) => index % 2 === 0 && !found.has(key))
    assert.deepEqual(missed, [])
  })

  it('scans to the end what is deleted page by page', async () => {
    const handle = await full(2500)
    const left = new Set<string>(text(2500).map(([key]) => key))
    let [position, cursor]: [number, string | null] = [1, null]
    for (let pages = 0; left.size > 0; pages++) {
      assert.ok(pages < 500, 'it comes to an end')
      const page: ScanPage = await handle.scan(at(position), { bucket: bucketBytes(5), cursor, entriesMax: 100 })
      for (const { key } of page.entries) assert.ok(left.delete(key.toString()), 'nothing that was deleted comes again')
      cursor = page.cursor
      const writes = page.entries.map(({ key }) => putIn(5, key.toString(), null))
      await handle.apply({ from: at(position), to: at(position + 1), writes })
      position += 1
    }
    assert.deepEqual(
      (await countEntries(handle, at(position))).buckets.map(({ time }) => time),
      [6],
    )
  })

  it('scans at one of the two markers, as the present owner, and begins anew after a page that was lost', async () => {
    const id = newId()
    const { backend } = underTest()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [putIn(5, 'a', '1'), putIn(5, 'b', '2')] })
    const range = { bucket: bucketBytes(5), cursor: null, entriesMax: 1 }
    await assert.rejects(handle.scan(zero, range), StoreLostError)
    await handle.scan(at(1), range)
    await handle.scan(zero, range, at(1))
    const { found } = await scanText(handle, at(1), 5, { entriesMax: 1 })
    assert.equal(found.size, 2)
    await backend.acquire(id, topic)
    await assert.rejects(handle.scan(at(1), range), StoreFencedError)
    await assert.rejects(countEntries(handle, at(1)), StoreFencedError)
  })

  it('shares no bytes with whoever scans', async () => {
    const handle = await full(1)
    const range = { bucket: bucketBytes(5), cursor: null, entriesMax: 10 }
    for (const { key, value } of (await handle.scan(at(1), range)).entries) {
      key.fill(0)
      value.fill(0)
    }
    assert.deepEqual([...(await scanText(handle, at(1), 5)).found], [['key-0', 'value-0']])
  })
}

export function noticesLossesInBuckets(underTest: () => StoreUnderTest): void {
  durably(underTest, 'notices the loss of an entry of a bucket when it is read', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    const writes = [put('a', '1'), putIn(1, 'b', '2'), putIn(1, 'c', '3'), putIn(2, 'd', '4')]
    await handle.apply({ from: zero, to: at(1), writes })
    await faults.loseEntry(id, Buffer.from('b'), bucketBytes(1))
    assert.deepEqual(await loadTextIn(handle, at(1), [[2, 'd']]), ['4'])
    assert.deepEqual([...(await scanText(handle, at(1), 2)).found], [['d', '4']])
    await assert.rejects(loadTextIn(handle, at(1), [[1, 'c']]), StoreLostError)
    await assert.rejects(scanText(handle, at(1), 1), StoreLostError)
    // From then on nothing of the store is to be trusted.
    await assert.rejects(loadTextIn(handle, at(1), [[2, 'd']]), StoreLostError)
  })

  durably(underTest, 'notices the loss of the whole store when buckets are listed or scanned', async (backend, faults) => {
    for (const key of ['m', 'k', 'x'] as const) {
      const id = newId()
      const handle = await emptyStore(backend, id)
      await handle.apply({ from: zero, to: at(1), writes: [put('a', '1'), putIn(1, 'b', '2')] })
      await faults.loseKey(id, key)
      await assert.rejects(countEntries(handle, at(1)), StoreLostError)
      await assert.rejects(scanText(handle, at(1), 1), StoreLostError)
      await assert.rejects(scanText(handle, at(1), null), StoreLostError)
    }
  })
}

export function forgetsBuckets(underTest: () => StoreUnderTest): void {
  durably(underTest, 'writes to buckets, and forgets the empty ones', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    const [one, two] = [hex(1), hex(2)]
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
