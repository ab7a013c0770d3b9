import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CachedEntry, EntryCache, type EntryOwner, entrySize } from '../../../service/state/entry-cache.ts'

/** All that a cache does with an owner is to tell it who has to leave. */
class Owner implements EntryOwner {
  readonly time = Number.NaN
  readonly bytes = null
  readonly entries = new Map<string, CachedEntry>()
  evicted({ key }: CachedEntry): void {
    this.entries.delete(key)
  }
  holds = () => assert.fail()
  loaded = () => assert.fail()
  appears = () => assert.fail()
  disappears = () => assert.fail()
  release = () => assert.fail()
}

function setUp(entries: number) {
  const owner = new Owner()
  const cache = new EntryCache(entries * entrySize('k0', 0))
  const add = (key: string): CachedEntry => {
    const entry = new CachedEntry(key, owner, 0)
    owner.entries.set(key, entry)
    cache.admit(entry)
    return entry
  }
  return { owner, cache, add }
}

it('evicts what was not used for the longest time, once there are too many bytes', () => {
  const { owner, cache, add } = setUp(3)
  const entries = ['k0', 'k1', 'k2'].map(add)
  for (const entry of entries) cache.release(entry)
  const [oldest] = entries
  assert.ok(oldest)
  cache.hold(oldest)
  cache.release(oldest)
  cache.release(add('k3'))
  assert.deepEqual([...owner.entries.keys()], ['k0', 'k2', 'k3'])
  assert.equal(cache.bytes, 3 * entrySize('k0', 0))
})

it('never evicts what is held, though it counts', () => {
  const { owner, cache, add } = setUp(2)
  for (const key of ['k0', 'k1', 'k2', 'k3']) add(key)
  cache.release(add('k4'))
  assert.deepEqual([...owner.entries.keys()], ['k0', 'k1', 'k2', 'k3'])
})

it('grows and shrinks with its entries, and forgets removed ones', () => {
  const { cache, add } = setUp(100)
  const entry = add('k0')
  cache.resize(entry, 1000)
  assert.equal(cache.bytes, 1000)
  cache.release(entry)
  cache.release(entry)
  cache.remove(entry)
  cache.hold(entry)
  assert.equal(cache.bytes, 0)
})
