/** The entries in memory of one bucket of a store, or of its keyed ones. */
import type { BatchEntries } from './batch-entries.ts'
import { bucketBytes } from './bucket-bytes.ts'
import { CachedEntry, type Entry, type EntryCache, type EntryOwner, entrySize } from './entry-cache.ts'
import type { CountedEntries } from './entry-counts.ts'

/** One bucket as operators see it. Valid within a batch, like its entries. */
export interface BucketView {
  readonly time: number
  /** As `StateView.entry`. */
  entry(key: string): Entry
  /** The entry of a key that the caller knows the bucket not to hold: it counts as loaded, without a look at the backend. */
  fresh(key: string): Entry
}

export interface EntryMapParts {
  readonly batch: BatchEntries
  readonly cache: EntryCache
  readonly counts: CountedEntries
  /** Buckets that hold nothing in memory, at the moment at least. */
  readonly emptied: EntryMap[]
}

export class EntryMap implements BucketView, EntryOwner {
  /** NaN for the keyed entries. */
  readonly time: number
  readonly bytes: Buffer | null
  readonly #parts: EntryMapParts
  readonly #batch: BatchEntries
  readonly #entries = new Map<string, CachedEntry>()
  /** How many of the entries in memory have a value. */
  #live = 0
  /** The scan of the bucket or of the keyed entries, if there is one. */
  #watcher: ((entry: CachedEntry) => void) | null = null

  /** With the time null: the keyed entries. */
  constructor(time: number | null, parts: EntryMapParts) {
    this.time = time ?? Number.NaN
    this.bytes = time === null ? null : bucketBytes(time)
    this.#parts = parts
    this.#batch = parts.batch
  }

  get size(): number {
    return this.#entries.size
  }

  /** How many entries there are, in memory or not. */
  get count(): number {
    const { counts } = this.#parts
    return this.bytes === null ? counts.keyed : counts.entries(this.time)
  }

  entry(key: string): Entry {
    const entry = this.#entries.get(key)
    if (entry === undefined) return this.#create(key, this.#holdsAll())
    if (entry.usedIn !== this.#batch.number) this.use(entry)
    return entry
  }

  fresh(key: string): Entry {
    return this.#entries.has(key) ? this.entry(key) : this.#create(key, true)
  }

  /** What is in memory of a key, used in this batch or not. */
  get(key: string): CachedEntry | undefined {
    return this.#entries.get(key)
  }

  holds(entry: CachedEntry): boolean {
    return this.#entries.get(entry.key) === entry
  }

  /** One that is not in memory, and whose value is about to be told by `loaded`. */
  add(key: string): CachedEntry {
    return this.#create(key, true)
  }

  /** Live: it goes on with what is added on the way. */
  values(): IterableIterator<CachedEntry> {
    return this.#entries.values()
  }

  loaded(entry: CachedEntry, value: unknown, encodedBytes: number): void {
    entry.value = value
    entry.before = value
    entry.loaded = true
    if (value !== undefined) this.#live += 1
    this.#parts.cache.resize(entry, entrySize(entry.key, encodedBytes))
  }

  /** Once a batch and entry. */
  use(entry: CachedEntry): void {
    this.#parts.cache.hold(entry)
    entry.usedIn = this.#batch.number
    entry.before = entry.value
    this.#batch.used.push(entry)
  }

  /** Calls `appears` from now on for each entry that gets a value and had none. */
  watch(appears: (entry: CachedEntry) => void): void {
    this.#watcher = appears
  }

  appears(entry: CachedEntry): void {
    this.#live += 1
    if (this.bytes === null) this.#parts.counts.keyed += 1
    else this.#parts.counts.add(this.time)
    if (this.#watcher !== null) this.#watcher(entry)
  }

  disappears(): void {
    this.#live -= 1
    if (this.bytes === null) this.#parts.counts.keyed -= 1
    else this.#parts.counts.remove(this.time)
  }

  /** Leaves it to the cache how long the entry stays; one that says nothing leaves at once. */
  release(entry: CachedEntry): void {
    // That a key has nothing in its bucket is soon of no use: the bucket will be dropped.
    if (entry.loaded && (entry.value !== undefined || this.bytes === null)) return this.#parts.cache.release(entry)
    this.#parts.cache.remove(entry)
    this.evicted(entry)
  }

  evicted(entry: CachedEntry): void {
    this.#entries.delete(entry.key)
    if (entry.value !== undefined) this.#live -= 1
    if (this.#entries.size === 0 && this.bytes !== null) this.#parts.emptied.push(this)
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.#parts.cache.remove(entry)
    this.#entries.clear()
    this.#live = 0
  }

  /** True where the backend has nothing of this bucket that is not in memory too. */
  #holdsAll(): boolean {
    return this.bytes !== null && this.#live === this.count
  }

  #create(key: string, loaded: boolean): CachedEntry {
    const entry = new CachedEntry(key, this, this.#batch.number)
    this.#entries.set(key, entry)
    this.#parts.cache.admit(entry)
    this.#batch.used.push(entry)
    if (loaded) entry.loaded = true
    else this.#batch.missing.push(entry)
    return entry
  }
}
