/**
 * The cache of decoded state of one worker, bounded in bytes over all its stores: the entries that nobody needs just now, in the order
 * in which they were last used.
 */
import { LRUCache } from 'lru-cache'

/** One key of a store, or of a bucket of it, decoded. Valid within a batch: between batches it may be evicted, and asked for anew. */
export interface Entry {
  /** The time of its bucket; null for a keyed one. */
  readonly bucket: number | null
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

/** What holds an entry, and is told what becomes of it. */
export interface EntryOwner {
  /** NaN for the keyed entries. */
  readonly time: number
  /** The bucket as it is stored; null for the keyed entries. */
  readonly bytes: Buffer | null
  /** False for one that left, though its key may be there again. */
  holds(entry: CachedEntry): boolean
  /** The backend has said what the entry holds. */
  loaded(entry: CachedEntry, value: unknown, encodedBytes: number): void
  /** An entry got a value that had none. */
  appears(entry: CachedEntry): void
  /** An entry lost its value. */
  disappears(): void
  /** Nobody uses the entry any more, and it is not pinned. */
  release(entry: CachedEntry): void
  /** Forgets the entry, which counts for nothing in the cache any more. */
  evicted(entry: CachedEntry): void
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
  /** The batch in which a scan found it last. */
  scannedIn = -1
  /** How many segments hold a change of it that is not applied yet. */
  pins = 0
  /** What it counts for in the cache; see `entrySize`. */
  size: number
  /** True where nobody uses it and it may be evicted. */
  idle = false
  readonly owner: EntryOwner
  constructor(key: string, owner: EntryOwner, batch: number) {
    this.key = key
    this.owner = owner
    this.usedIn = batch
    this.size = entrySize(key, 0)
  }
  get bucket(): number | null {
    return this.owner.bytes === null ? null : this.owner.time
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
  #used = 0
  #loaded = 0
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

  /** A batch ends that used so many entries. */
  countUsed(entries: number): void {
    this.#used += entries
  }

  /** The store backend was asked for so many entries that a batch uses. */
  countLoaded(entries: number): void {
    this.#loaded += entries
  }

  /** How many entries batches used since the last call, and for how many of them the store backend was asked. */
  takeLookups(): { readonly used: number; readonly loaded: number } {
    // A batch under way has asked already, and its uses count when it ends: `loaded` must not run ahead.
    const loaded = Math.min(this.#loaded, this.#used)
    const taken = { used: this.#used, loaded }
    this.#used = 0
    this.#loaded -= loaded
    return taken
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
    entry.owner.evicted(entry)
    this.#bytes -= entry.size
  }
}
