/**
 * The cache of decoded state of one worker, bounded in bytes over all its stores: the entries that nobody needs just now, in the order
 * in which they were last used.
 */
import { LRUCache } from 'lru-cache'

/** One key of a store, decoded. Valid within a batch: between batches it may be evicted, and asked for anew. */
export interface Entry {
  /** The bytes of the key as Latin-1. */
  readonly key: string
  /** Undefined where there is none. */
  readonly value: unknown
  readonly loaded: boolean
  /** The value when the batch began. */
  readonly before: unknown
  /** The newest timestamp of the changes of this batch. */
  readonly timestamp: number
}

/** The entry as the view and the cache see it: all fields from the start, so that entries are of one hidden class. */
export class CachedEntry implements Entry {
  readonly key: string
  value: unknown = undefined
  loaded = false
  before: unknown = undefined
  timestamp = 0
  /** The batches in which it was last used, and last changed. */
  usedIn: number
  changedIn = -1
  /** How many segments hold a change of it that is not applied yet. */
  pins = 0
  /** What it counts for in the cache; see `entrySize`. */
  size: number
  /** True where nobody uses it and it may be evicted. */
  idle = false
  /** The map that holds it, from which eviction removes it. */
  readonly owner: Map<string, CachedEntry>
  constructor(key: string, owner: Map<string, CachedEntry>, batch: number) {
    this.key = key
    this.owner = owner
    this.usedIn = batch
    this.size = entrySize(key, 0)
  }
}

/**
 * Estimated bytes on the heap: 200 for the entry with its place in the map, one a character of the key, and three times the encoded
 * value, which is what small decoded JSON objects take.
 */
export const entrySize = (key: string, encodedBytes: number): number => 200 + key.length + 3 * encodedBytes

export class EntryCache {
  readonly #bytesMax: number
  #bytes = 0
  /** Those that nobody uses just now; entries in use or pinned are in no list, so that nothing can evict them. */
  readonly #idle: LRUCache<CachedEntry, true>
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#idle = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: (_, entry) => entry.size,
      dispose: (_, entry, why) => this.#left(entry, why),
    })
  }

  /** Of all entries, those in use and pinned ones included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts a new entry. */
  admit(entry: CachedEntry): void {
    this.#bytes += entry.size
  }

  /** Counts an entry anew whose value was loaded or encoded. */
  resize(entry: CachedEntry, size: number): void {
    this.#bytes += size - entry.size
    entry.size = size
  }

  /** The entry may be evicted from now on; the ones that were not used for the longest time are, while there are too many bytes. */
  release(entry: CachedEntry): void {
    if (entry.idle) return
    entry.idle = true
    this.#idle.set(entry, true)
    // One that is larger than the whole cache is not taken.
    if (!this.#idle.has(entry)) this.#left(entry, 'evict')
    while (this.#bytes > this.#bytesMax && this.#idle.size > 0) this.#idle.pop()
  }

  /** The entry is used or pinned, and must stay. */
  hold(entry: CachedEntry): void {
    if (!entry.idle) return
    entry.idle = false
    this.#idle.delete(entry)
  }

  /** The entry left its map. */
  remove(entry: CachedEntry): void {
    this.hold(entry)
    this.#bytes -= entry.size
  }

  /** What the list lets go by itself leaves memory; what was taken from it, to be used, does not. */
  #left(entry: CachedEntry, why: string): void {
    if (why !== 'evict' || !entry.idle) return
    entry.idle = false
    entry.owner.delete(entry.key)
    this.#bytes -= entry.size
  }
}
