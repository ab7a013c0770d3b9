/** What every store backend must do: the suite of the port, with the faults of a store that outlives its owner where there are any. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoreFencedError, StoreLostError } from '../../service/errors.ts'
import { chunksOf } from '../../service/state/chunks.ts'
import type { StoreId } from '../../service/state/store-backend.ts'
import { forgetsBuckets, noticesLossesInBuckets, readsBuckets, scansBuckets } from './store-buckets.ts'
import { keepsFacts } from './store-facts.ts'
import {
  at,
  durably,
  emptyStore,
  hex,
  loadText,
  newId,
  put,
  putIn,
  type StoreFaults,
  type StoreUnderTest,
  topic,
  zero,
} from './store-fixtures.ts'

export function storeSuite(name: string, underTest: () => StoreUnderTest): void {
  describe(`store backend: ${name}`, () => {
    appliesAndLoads(underTest)
    checksMarkers(underTest)
    fences(underTest)
    readsBuckets(underTest)
    scansBuckets(underTest)
    if (underTest().faults === null) return
    describe('outlives its owner', () => {
      survives(underTest)
      noticesLosses(underTest)
      noticesLossesInBuckets(underTest)
      keepsFacts(underTest)
      forgetsBuckets(underTest)
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
    const loaded = await handle.load(at(1), writes)
    assert.deepEqual(
      loaded.map((value) => value?.toString('hex')),
      writes.map(({ value }) => value.toString('hex')),
    )
  })

  it('takes chunks of a thousand entries, and one large value', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    const writes = Array.from({ length: 2500 }, (_, index) => put(`key-${index}`, `${index}`.repeat(5)))
    for (const chunk of chunksOf(zero, { to: 10, writes })) await handle.apply(chunk)
    const keys = writes.slice(1500).map(({ key }) => key.toString())
    assert.deepEqual(
      await loadText(handle, at(10), keys),
      writes.slice(1500).map(({ value }) => value?.toString()),
    )
    for (const chunk of chunksOf(at(10), { to: 11, writes: [put('large', 'x'.repeat(1 << 20)), put('small', '1')] }))
      await handle.apply(chunk)
    assert.deepEqual(
      (await loadText(handle, at(11), ['large', 'small'])).map((value) => value?.length),
      [1 << 20, 1],
    )
  })

  it('shares no bytes with whoever loads', async () => {
    const handle = await emptyStore(underTest().backend, newId())
    await handle.apply({ from: zero, to: at(1), writes: [put('a', 'abc')] })
    const [loaded] = await handle.load(at(1), [{ bucket: null, key: Buffer.from('a') }])
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

  durably(underTest, 'a store of another kind is refused, and its owner is left alone', async (backend, faults) => {
    const id = newId()
    const owner = await backend.acquire(id, topic, 'numbers')
    await owner.rebuild(0)
    await owner.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
    const before = await faults.contents(id)
    for (const changelog of [topic, 'another'])
      await assert.rejects(backend.acquire(id, changelog, 'texts'), { name: 'FatalError', message: /application id/ })
    assert.deepEqual(await faults.contents(id), before)
    assert.deepEqual(await loadText(owner, at(1), ['a']), ['1'])
    assert.deepEqual((await backend.acquire(id, topic, 'numbers')).marker, at(1))
    await faults.loseEverything(id)
    assert.match((await backend.acquire(id, topic, 'texts')).untrusted ?? '', /nothing is there/)
    await assert.rejects(backend.acquire(id, topic, 'numbers'), { name: 'FatalError', message: /kept otherwise/ })
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
      assert.deepEqual(await faults.contents(id), {
        entries: { a: '1', b: '2' },
        buckets: { [hex(1)]: { c: '3' }, [hex(-1)]: { d: '4' } },
      })
    })
  }

  durably(underTest, 'notices the loss of a bucket when it is written to', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [putIn(1, 'a', '1'), putIn(2, 'b', '2')] })
    await faults.loseBucket(id, hex(1))
    await handle.apply({ from: at(1), to: at(2), writes: [putIn(2, 'c', '3')] })
    await assert.rejects(handle.apply({ from: at(2), to: at(3), writes: [putIn(1, 'd', '4')] }), StoreLostError)
  })

  for (const kind of ['load', 'scan', 'apply'] as const) {
    durably(
      underTest,
      `the loss of a bucket, noticed by ${kind}, is known to whoever acquires the store next`,
      async (backend, faults) => {
        const id = newId()
        const writes = [putIn(1, 'a', '1'), putIn(2, 'b', '2')]
        const handle = await emptyStore(backend, id)
        await handle.apply({ from: zero, to: at(1), writes })
        await faults.loseBucket(id, hex(1))
        const bucket = Buffer.from(hex(1), 'hex')
        const notice = {
          load: () => handle.load(at(1), [{ bucket, key: Buffer.from('a') }]),
          scan: () => handle.scan(at(1), { bucket, cursor: null, entriesMax: 10 }),
          apply: () => handle.apply({ from: at(1), to: at(2), writes: [putIn(1, 'c', '3')] }),
        }
        await assert.rejects(async () => notice[kind](), StoreLostError)
        const next = await backend.acquire(id, topic)
        assert.equal(next.marker, null)
        await next.rebuild(0)
        await next.apply({ from: zero, to: at(1), writes })
        const contents = { entries: {}, buckets: { [hex(1)]: { a: '1' }, [hex(2)]: { b: '2' } } }
        assert.deepEqual(await faults.contents(id), contents)
      },
    )
  }

  durably(underTest, 'a rebuild that was broken off is never taken for a store', async (backend, faults) => {
    const id = newId()
    const handle = await emptyStore(backend, id)
    await handle.apply({ from: zero, to: at(1), writes: [put('a', '1')] })
    await faults.loseKey(id, 'k')
    assert.equal((await backend.acquire(id, topic)).marker, null)
    assert.equal((await backend.acquire(id, topic)).marker, null)
  })
}
