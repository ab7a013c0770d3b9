/** The decoded state of one store partition, as operators see it: one map look-up a record, loads and writes once a batch. */
import { FatalError } from '../errors.ts'
import type { StoreSpec } from '../topology/node.ts'
import { deepFreeze } from './deep-freeze.ts'
import { CachedEntry, type Entry, type EntryCache, entrySize } from './entry-cache.ts'
import { loadEntries } from './loading.ts'
import type { Marker, StoreHandle, StoreWrite } from './store-backend.ts'

export type { Entry } from './entry-cache.ts'

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

export class StateView {
  readonly spec: StoreSpec
  readonly #cache: EntryCache
  readonly #strict: boolean
  readonly #entries = new Map<string, CachedEntry>()
  #handle: StoreHandle | null = null
  /** Where the store is known to stand, and where a chunk that was sent leads to: it stands at one of the two (P12). */
  #marker: Marker = { position: 0, chunk: 0 }
  #markerSent: Marker = this.#marker
  #batch = 0
  #used: CachedEntry[] = []
  #missing: CachedEntry[] = []
  #changed: CachedEntry[] = []
  /** The changed entries of each segment that is not applied, oldest first. */
  readonly #unapplied: { readonly writes: readonly StoreWrite[]; readonly entries: readonly CachedEntry[] }[] = []

  constructor({ spec, cache, strict }: StateViewOptions) {
    this.spec = spec
    this.#cache = cache
    this.#strict = strict
  }

  /** Begins with a store that follows its changelog up to `position`. */
  attach(handle: StoreHandle, position: number): void {
    this.discard()
    this.#handle = handle
    this.moved({ position, chunk: 0 })
  }

  /** Where the store is known to stand. */
  get marker(): Marker {
    return this.#marker
  }

  /** Lets the entries of the batch before go, as far as their changes are applied. */
  beginBatch(): void {
    for (const entry of this.#used) this.#release(entry)
    this.#used = []
    this.#missing = []
    this.#changed = []
    this.#batch += 1
  }

  /** The entry of a key; not loaded where it is not in memory, until `load` has been awaited. */
  entry(key: string): Entry {
    const entry = this.#entries.get(key)
    if (entry === undefined) return this.#create(key)
    if (entry.usedIn !== this.#batch) this.#use(entry)
    return entry
  }

  /**
   * Loads every entry that was asked for and is not loaded; undefined where nothing is missing. What failed stays missing: it may be
   * called again.
   * @throws StoreFencedError, StoreLostError, StoreUnavailableError; FatalError for a value that can't be decoded
   */
  load(): Promise<void> | undefined {
    return this.#missing.length === 0 ? undefined : this.#load()
  }

  /** Undefined deletes. The entry must be loaded, and of this batch. */
  set(entry: Entry, value: unknown, timestamp: number): void {
    const changed = entry as CachedEntry
    if (!changed.loaded || changed.usedIn !== this.#batch)
      throw this.#defect(`a write to an entry that is not loaded`, changed.key)
    changed.value = this.#strict ? deepFreeze(value) : value
    if (changed.changedIn !== this.#batch) {
      changed.changedIn = this.#batch
      changed.timestamp = timestamp
      this.#changed.push(changed)
    } else if (timestamp > changed.timestamp) {
      changed.timestamp = timestamp
    }
  }

  /** In the order of their first change in this batch. */
  changed(): readonly Entry[] {
    return this.#changed
  }

  /**
   * The changes of the batch, each encoded once: the very bytes for the changelog and for the apply (P14). Their entries stay in
   * memory until `applied`. An entry that came and went within the batch is no change.
   */
  takeChanges(): readonly StoreWriteWithTime[] {
    const writes: StoreWriteWithTime[] = []
    const entries: CachedEntry[] = []
    for (const entry of this.#changed) {
      if (entry.value === undefined && entry.before === undefined) continue
      const value = this.#encode(entry)
      writes.push({ bucket: null, key: Buffer.from(entry.key, 'latin1'), value, timestamp: entry.timestamp })
      this.#cache.resize(entry, entrySize(entry.key, value?.length ?? 0))
      if (this.#strict && value !== null) entry.value = this.#decode(entry.key, value)
      entry.pins += 1
      entries.push(entry)
    }
    this.#changed = []
    if (writes.length > 0) this.#unapplied.push({ writes, entries })
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
    if (writes.length === 0) return
    const oldest = this.#unapplied.shift()
    if (oldest?.writes !== writes) throw this.#defect('changes were applied out of order')
    for (const entry of oldest.entries) {
      entry.pins -= 1
      if (entry.usedIn !== this.#batch) this.#release(entry)
    }
  }

  /** Forgets everything: the cache, the changes of the batch and what is not applied (P3). */
  discard(): void {
    for (const entry of this.#entries.values()) this.#cache.remove(entry)
    this.#entries.clear()
    this.#used = []
    this.#missing = []
    this.#changed = []
    this.#unapplied.length = 0
    this.#handle = null
    this.#batch += 1
  }

  #create(key: string): CachedEntry {
    const entry = new CachedEntry(key, this.#entries, this.#batch)
    this.#entries.set(key, entry)
    this.#cache.admit(entry)
    this.#used.push(entry)
    this.#missing.push(entry)
    return entry
  }

  /** Once a batch and entry. */
  #use(entry: CachedEntry): void {
    this.#cache.hold(entry)
    entry.usedIn = this.#batch
    entry.before = entry.value
    this.#used.push(entry)
  }

  #release(entry: CachedEntry): void {
    if (entry.pins > 0) return
    if (entry.loaded) return this.#cache.release(entry)
    this.#entries.delete(entry.key)
    this.#cache.remove(entry)
  }

  async #load(): Promise<void> {
    const handle = this.#handle
    if (handle === null) throw this.#defect('a load without a store')
    const entries = this.#missing
    this.#missing = []
    try {
      await loadEntries(entries, {
        load: (keys) => handle.load(this.#marker, keys, this.#markerSent),
        accept: (entry, bytes) => this.#accept(entry, bytes),
      })
    } finally {
      // A batch that was dropped in the meantime has nothing missing.
      if (this.#handle === handle)
        for (const entry of entries) if (!entry.loaded && entry.usedIn === this.#batch) this.#missing.push(entry)
    }
  }

  #accept(entry: CachedEntry, bytes: Buffer | null): void {
    if (entry.loaded || this.#entries.get(entry.key) !== entry) return
    entry.value = bytes === null ? undefined : this.#decode(entry.key, bytes)
    entry.before = entry.value
    entry.loaded = true
    this.#cache.resize(entry, entrySize(entry.key, bytes?.length ?? 0))
  }

  #encode({ key, value }: CachedEntry): Buffer | null {
    if (value === undefined) return null
    let bytes: Buffer | null
    try {
      bytes = this.spec.codec.encode(value)
    } catch (error) {
      throw this.#failure('could not encode a value', key, error)
    }
    if (bytes === null) throw this.#failure('made no bytes of a value; undefined is what deletes one', key)
    // A codec of bytes may hand out the value itself, which user code may change before the store has it.
    return value instanceof Uint8Array && bytes.buffer === value.buffer ? Buffer.from(bytes) : bytes
  }

  #decode(key: string, bytes: Buffer): unknown {
    try {
      const value: unknown = this.spec.codec.decode(bytes)
      // A view of the bytes would share them with a write, or keep all of an answer alive.
      if (value instanceof Uint8Array) return Buffer.from(value)
      return this.#strict ? deepFreeze(value) : value
    } catch (error) {
      throw this.#failure('could not decode a value: was it written by another codec?', key, error)
    }
  }

  #failure(what: string, key: string, cause?: unknown): FatalError {
    const { name, codec } = this.spec
    const shown = JSON.stringify(key)
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    const fields = { store: name, codec: codec.name, key: shown }
    return new FatalError(`Store ${name}, key ${shown}: codec ${codec.name} ${what}${reason}`, { cause, fields })
  }

  #defect(what: string, key?: string): FatalError {
    return new FatalError(`Defect in caudal: ${what}, store ${this.spec.name}.`, { fields: { store: this.spec.name, key } })
  }
}
