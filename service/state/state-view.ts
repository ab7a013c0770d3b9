/** The decoded state of one store partition, as operators see it: one map look-up a record, loads and writes once a batch. */
import { FatalError } from '../errors.ts'
import type { StoreSpec } from '../topology/node.ts'
import { BatchEntries } from './batch-entries.ts'
import { Buckets } from './buckets.ts'
import { deepFreeze } from './deep-freeze.ts'
import { type CachedEntry, type Entry, type EntryCache, entrySize } from './entry-cache.ts'
import { type BucketTimes, CountedEntries, type EntryCounts } from './entry-counts.ts'
import { type BucketView, EntryMap } from './entry-map.ts'
import type { EntryScan, Scanned } from './entry-scan.ts'
import { EntryScans } from './entry-scans.ts'
import { loadPieces, piecesOf } from './loading.ts'
import type { Marker, ScanPage, ScanRange, StoreHandle, StoreWrite } from './store-backend.ts'
import { StoredValues } from './stored-values.ts'
import { UnappliedChanges } from './unapplied-changes.ts'

export type { Entry } from './entry-cache.ts'
export type { BucketTimes, EntryCounts } from './entry-counts.ts'
export type { BucketView } from './entry-map.ts'
export type { Scanned } from './entry-scan.ts'

/** A write with the time that its changelog record carries. The bytes are shared with nobody else (P14). */
export interface StoreWriteWithTime extends StoreWrite {
  readonly timestamp: number
}

export interface StateViewOptions {
  readonly spec: StoreSpec
  readonly cache: EntryCache
  /** Takes every value through its codec at every batch and freezes it, so that a lossy codec or a mutation shows at once. */
  readonly strict: boolean
}

const nothing: EntryCounts = { keyed: 0, buckets: [] }

export class StateView {
  readonly spec: StoreSpec
  readonly #cache: EntryCache
  readonly #strict: boolean
  readonly #values: StoredValues
  readonly #batch = new BatchEntries()
  readonly #keyed: EntryMap
  readonly #counts = new CountedEntries()
  readonly #buckets: Buckets
  readonly #scans: EntryScans
  readonly #unapplied = new UnappliedChanges(this.#batch)
  #handle: StoreHandle | null = null
  /** Where the store is known to stand, and where a chunk that was sent leads to: it stands at one of the two (P12). */
  #marker: Marker = { position: 0, chunk: 0 }
  #markerSent: Marker = this.#marker

  constructor({ spec, cache, strict }: StateViewOptions) {
    this.spec = spec
    this.#cache = cache
    this.#strict = strict
    this.#values = new StoredValues(spec, strict)
    const parts = { batch: this.#batch, cache, counts: this.#counts, emptied: [] }
    this.#keyed = new EntryMap(null, parts)
    this.#buckets = new Buckets(parts)
    this.#scans = new EntryScans({
      batch: this.#batch,
      page: (range, accept) => this.#page(range, accept),
      decode: (key, bytes) => this.#values.decode(key, bytes),
    })
  }

  /** Begins with a store that follows its changelog up to `position`, and holds as much as `counts` says (see `countEntries`). */
  attach(handle: StoreHandle, position: number, counts: EntryCounts = nothing): void {
    this.discard()
    this.#handle = handle
    this.#counts.reset(counts)
    this.moved({ position, chunk: 0 })
  }

  /** How many entries the store holds, the changes of the batch under way included. */
  get entryCount(): number {
    return this.#counts.all
  }

  /** Where the store is known to stand. */
  get marker(): Marker {
    return this.#marker
  }

  /** Lets the entries of the batch before go, as far as their changes are applied. */
  beginBatch(): void {
    const used = this.#batch.begin()
    this.#cache.countUsed(used.length)
    for (const entry of used) if (entry.pins <= 0) entry.owner.release(entry)
    this.#scans.beginBatch()
    this.#buckets.beginBatch((time) => this.#scans.drop(time))
  }

  /** The entry of a key; not loaded where it is not in memory, until `load` has been awaited. */
  entry(key: string): Entry {
    return this.#keyed.entry(key)
  }

  /** A bucket by its time, in whole ms; it need not hold anything. Of bucketed stores only, which may have keyed entries too. */
  bucket(time: number): BucketView {
    if (this.spec.shape !== 'bucketed') throw this.#defect('a bucket of a store that has none')
    return this.#buckets.view(time)
  }

  /** The buckets that hold anything. */
  buckets(): BucketTimes {
    return this.#counts
  }

  /**
   * Asks for `limit` more entries of a bucket, or of the keyed ones (`time` null), or as many as there are; what is not in memory comes with
   * the next `load`, and some more may come with it. Who closes a bucket in slices deletes them in this batch: those that stay may be found
   * again in the next one. Once all are found, the next batch begins anew.
   */
  scan(time: number | null, limit: number): void {
    this.#scans.want(this.#scannable(time), limit)
  }

  /** What the scans of a bucket, or of the keyed entries, have found in this batch. */
  scanned(time: number | null): Scanned {
    const result = this.#scans.result(this.#scannable(time))
    if (result === undefined)
      throw this.#defect(`${time === null ? 'keyed entries were' : `bucket ${time} was`} not scanned in this batch`)
    return result
  }

  /**
   * Loads every entry that was asked for and is not loaded, and goes on with the scans; undefined where nothing is missing. What failed
   * stays missing: it may be called again.
   * @throws StoreFencedError, StoreLostError, StoreUnavailableError; FatalError for a value that can't be decoded
   */
  load(): Promise<void> | undefined {
    const scans = this.#scans.pending()
    return this.#batch.missing.length === 0 && scans.length === 0 ? undefined : this.#load(scans)
  }

  /** Undefined deletes. The entry must be loaded, and of this batch. */
  set(entry: Entry, value: unknown, timestamp: number): void {
    const changed = entry as CachedEntry
    if (!changed.loaded || changed.usedIn !== this.#batch.number)
      throw this.#defect(`a write to an entry that is not loaded`, changed.key)
    if (changed.value === undefined && value !== undefined) changed.owner.appears(changed)
    else if (changed.value !== undefined && value === undefined) changed.owner.disappears()
    changed.value = this.#strict ? deepFreeze(value) : value
    if (changed.changedIn !== this.#batch.number) {
      changed.changedIn = this.#batch.number
      changed.timestamp = timestamp
      this.#batch.changed.push(changed)
    } else if (timestamp > changed.timestamp) {
      changed.timestamp = timestamp
    }
  }

  /** In the order of their first change in this batch. */
  changed(): readonly Entry[] {
    return this.#batch.changed
  }

  /**
   * The changes of the batch, each encoded once: the very bytes for the changelog and for the apply (P14). Their entries stay in
   * memory until `applied`. An entry that came and went within the batch is no change.
   */
  takeChanges(): readonly StoreWriteWithTime[] {
    const writes: StoreWriteWithTime[] = []
    const entries: CachedEntry[] = []
    for (const entry of this.#batch.changed) {
      if (entry.value === undefined && entry.before === undefined) continue
      const { key, owner, timestamp } = entry
      const value = entry.value === undefined ? null : this.#values.encode(key, entry.value)
      writes.push({ bucket: owner.bytes, key: Buffer.from(key, 'latin1'), value, timestamp })
      this.#cache.resize(entry, entrySize(key, value?.length ?? 0))
      if (this.#strict && value !== null) entry.value = this.#values.decode(key, value)
      entries.push(entry)
    }
    this.#batch.changed = []
    this.#unapplied.add(writes, entries)
    return writes
  }

  /** A chunk that leads to `marker` goes out: until its answer the store may stand at either. */
  sending(marker: Marker): void {
    this.#markerSent = marker
  }

  /** The store stands at `marker`. */
  moved(marker: Marker): void {
    this.#marker = marker
    this.#markerSent = marker
  }

  /** The changes that `takeChanges` returned as `writes` are in the store: their entries may be evicted. */
  applied(writes: readonly StoreWrite[]): void {
    if (writes.length > 0 && !this.#unapplied.applied(writes)) throw this.#defect('changes were applied out of order')
  }

  /** Forgets everything: the cache, the changes of the batch and what is not applied (P3). */
  discard(): void {
    this.#keyed.clear()
    this.#buckets.clear()
    this.#scans.clear()
    this.#counts.reset(nothing)
    this.#unapplied.clear()
    this.#cache.countUsed(this.#batch.begin().length)
    this.#handle = null
  }

  #scannable(time: number | null): EntryMap {
    if (time === null) return this.#keyed
    if (this.spec.shape !== 'bucketed') throw this.#defect('a scan of a bucket of a store that has none')
    return this.#buckets.at(time)
  }

  async #load(scans: readonly EntryScan[]): Promise<void> {
    const handle = this.#opened()
    const entries = this.#batch.missing
    this.#batch.missing = []
    const pieces = piecesOf(entries, {
      load: (keys) => handle.load(this.#marker, keys, this.#markerSent),
      accept: (entry, bytes) => this.#accept(entry, bytes),
    })
    try {
      await loadPieces([...pieces, ...scans.map((scan) => () => scan.load())])
    } finally {
      // A batch that was dropped in the meantime has nothing missing.
      if (this.#handle === handle) {
        const missing = entries.filter((entry) => !entry.loaded && entry.usedIn === this.#batch.number)
        this.#batch.missing = [...this.#batch.missing, ...missing]
        this.#cache.countLoaded(entries.length - missing.length)
      }
    }
  }

  #accept(entry: CachedEntry, bytes: Buffer | null): void {
    if (entry.loaded || !entry.owner.holds(entry)) return
    entry.owner.loaded(entry, bytes === null ? undefined : this.#values.decode(entry.key, bytes), bytes?.length ?? 0)
  }

  /** A page may be older than a change that is applied while it is on its way: memory must know better until it was taken in (P14). */
  #page(range: ScanRange, accept: (page: ScanPage) => void): Promise<void> {
    return this.#unapplied.hold(async () => {
      accept(await this.#opened().scan(this.#marker, range, this.#markerSent))
    })
  }

  #opened(): StoreHandle {
    if (this.#handle === null) throw this.#defect('a load without a store')
    return this.#handle
  }

  #defect(what: string, key?: string): FatalError {
    return new FatalError(`Defect in caudal: ${what}, store ${this.spec.name}.`, { fields: { store: this.spec.name, key } })
  }
}
