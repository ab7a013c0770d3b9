import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FatalError } from '../../../service/errors.ts'
import { bucketBytes } from '../../../service/state/bucket-bytes.ts'
import { apply, fill, restart, setUp } from './views.ts'

const bucketed = { shape: 'bucketed' } as const

describe('entries of a bucket', () => {
  it('are apart from those of other buckets and from the keyed ones, in one changelog', async () => {
    const { view } = await setUp(bucketed)
    const entries = [view.entry('a'), view.bucket(5).entry('a'), view.bucket(-5).entry('a')]
    await view.load()
    for (const [index, entry] of entries.entries()) view.set(entry, index, index)
    assert.equal(view.bucket(5), view.bucket(5))
    assert.equal(view.bucket(5).entry('a'), entries[1])
    assert.deepEqual(
      view.changed().map(({ bucket, value }) => [bucket, value]),
      [
        [null, 0],
        [5, 1],
        [-5, 2],
      ],
    )
    assert.deepEqual(
      view.takeChanges().map(({ bucket, key, value, timestamp }) => [bucket, key.toString(), value?.toString(), timestamp]),
      [
        [null, 'a', '0', 0],
        [bucketBytes(5), 'a', '1', 1],
        [bucketBytes(-5), 'a', '2', 2],
      ],
    )
  })

  it('are loaded from the store, those of many buckets in few calls', async () => {
    const { view, handle, store } = await setUp(bucketed)
    for (const time of [1, 2, 3]) await apply(view, handle, await fill(view, time, { a: time, b: time }))
    await restart(view, handle)
    let calls = 0
    store.fault = () => (calls++, 'none')
    const entries = ['a', 'b'].flatMap((key) => [3, 1, 2].map((time) => view.bucket(time).entry(key)))
    const keyed = view.entry('a')
    assert.ok(entries.every(({ loaded }) => !loaded))
    await view.load()
    assert.deepEqual(
      entries.map(({ value }) => value),
      [3, 1, 2, 3, 1, 2],
    )
    assert.deepEqual([keyed.loaded, keyed.value, calls], [true, undefined, 1])
  })

  it('need no look at the store where all that the bucket holds is in memory', async () => {
    const { view, handle } = await setUp({ ...bucketed, bytesMax: 1 })
    const first = view.bucket(5).entry('a')
    assert.deepEqual([first.loaded, first.value, view.load()], [true, undefined, undefined])
    view.set(first, 1, 1)
    assert.equal(view.bucket(5).entry('b').loaded, true)
    const writes = view.takeChanges()
    view.beginBatch()
    assert.equal(view.bucket(5).entry('c').loaded, true)
    view.beginBatch()
    await apply(view, handle, writes)
    const evicted = view.bucket(5).entry('a')
    assert.deepEqual([evicted.loaded, view.bucket(5).entry('c').loaded], [false, false])
    await view.load()
    assert.deepEqual([evicted.value, view.bucket(5).entry('d').loaded], [1, true])
  })

  it('need no look at the store where the caller knows better', async () => {
    const { view, handle } = await setUp({ ...bucketed, bytesMax: 1 })
    await apply(view, handle, await fill(view, 5, { a: 1 }))
    view.beginBatch()
    const b = view.bucket(5).fresh('b')
    assert.deepEqual([b.loaded, b.value, view.load()], [true, undefined, undefined])
    view.set(b, 2, 2)
    assert.equal(view.bucket(5).fresh('b'), b)
    assert.equal(b.value, 2)
    assert.equal(view.buckets().entries(5), 2)
  })

  it('leave memory, and their bucket with them, when they are deleted', async () => {
    const { view, handle, cache, store } = await setUp(bucketed)
    await apply(view, handle, await fill(view, 5, { a: 1, b: 2 }))
    view.beginBatch()
    const deletions = await fill(view, 5, { a: undefined, b: undefined })
    assert.equal(view.buckets().first, undefined)
    view.beginBatch()
    assert.ok(cache.bytes > 0, 'they are pinned until the store knows')
    const b = view.bucket(5).entry('b')
    assert.deepEqual([b.loaded, b.value], [true, undefined])
    await apply(view, handle, deletions)
    view.beginBatch()
    assert.equal(cache.bytes, 0)
    assert.equal(store.bucketEntries(handle.id).size, 0)
  })

  it('are of bucketed stores', async () => {
    const { view } = await setUp()
    assert.throws(() => view.bucket(5), FatalError)
    assert.throws(() => view.scan(5, 1), FatalError)
    const { view: other } = await setUp(bucketed)
    assert.throws(() => other.bucket(0.5), FatalError)
    assert.throws(() => other.scanned(5), FatalError)
  })

  it('strict: go through the codec and are frozen like keyed ones', async () => {
    const { view } = await setUp({ ...bucketed, strict: true })
    const value = { n: [1], lost: undefined }
    await fill(view, 5, { a: value })
    assert.ok(Object.isFrozen(value.n))
    assert.deepEqual(view.bucket(5).entry('a').value, { n: [1] })
    assert.throws(() => (view.bucket(5).entry('a').value as { n: number[] }).n.push(2), TypeError)
  })
})
