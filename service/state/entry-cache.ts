/**
 * The cache of decoded state of one worker, bounded in bytes over all its stores: the entries that nobody needs just now, in the order
 * in which they were last used.
 */

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
  /** The map that holds it, from which eviction removes it. */
  readonly owner: Map<string, CachedEntry>
  /** Neighbours in the order of use; null where it is in use or pinned. */
  older: CachedEntry | null = null
  newer: CachedEntry | null = null
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

/**
 * A list through the entries themselves: using an entry is a few assignments, where a general cache would look it up in a map of its
 * own, twice a batch for each changed key.
 */
export class EntryCache {
  readonly #bytesMax: number
  #bytes = 0
  /** The ends of the list: `#ends.newer` is the oldest entry, `#ends.older` the newest. */
  readonly #ends: CachedEntry
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#ends = new CachedEntry('', new Map(), -1)
    this.#ends.older = this.#ends
    this.#ends.newer = this.#ends
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
    const newest = this.#ends.older
    if (newest === null || entry.older !== null) return
    entry.older = newest
    entry.newer = this.#ends
    newest.newer = entry
    this.#ends.older = entry
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#ends.newer
      if (oldest === null || oldest === this.#ends) return
      oldest.owner.delete(oldest.key)
      this.remove(oldest)
    }
  }

  /** The entry is used or pinned, and must stay. */
  hold(entry: CachedEntry): void {
    const { older, newer } = entry
    if (older === null || newer === null) return
    older.newer = newer
    newer.older = older
    entry.older = null
    entry.newer = null
  }

  /** The entry left its map. */
  remove(entry: CachedEntry): void {
    this.hold(entry)
    this.#bytes -= entry.size
  }
}
