/**
 * Reads the entries of a bucket, or the keyed ones, some at a time, so that a bucket can be closed in slices: what is in memory first, then
 * page by page what the backend has beside that.
 */
import { StoreLostError } from '../errors.ts'
import type { BatchEntries } from './batch-entries.ts'
import type { CachedEntry, Entry } from './entry-cache.ts'
import type { EntryMap } from './entry-map.ts'
import { chunkEntriesMax, type ScanPage, type ScanRange } from './store-backend.ts'

/** What a scan has found in this batch. */
export interface Scanned {
  /** In the order of their key bytes, unsigned. */
  readonly entries: readonly Entry[]
  /** True where there is no other. */
  readonly complete: boolean
}

export interface ScanParts {
  readonly batch: BatchEntries
  /** Reads a page of the backend; what `accept` does with it comes before any change that is applied in the meantime is let go. */
  readonly page: (range: ScanRange, accept: (page: ScanPage) => void) => Promise<void>
  readonly decode: (key: string, bytes: Buffer) => unknown
}

/** Rounds that found nothing of what is missing, after which it is taken for lost. One may be in vain: where a failover changed the order. */
const fruitlessRoundsMax = 3

/**
 * A round goes through memory, which has all that the backend doesn't have yet, then through the backend. Whether that was all is told by
 * the number of entries that there are; so it matters little what a backend leaves out or repeats while entries come and go and
 * its tables grow and shrink.
 */
export class EntryScan {
  readonly #map: EntryMap
  readonly #parts: ScanParts
  #found: CachedEntry[] = []
  #isSorted = true
  #wanted = 0
  /** Null where this round is through with memory. */
  #memory: Iterator<CachedEntry> | null
  /** Where the backend goes on. */
  #cursor: string | null = null
  /** What got a value in the batch `#appearedIn`, wherever this round is. */
  #appeared: CachedEntry[] = []
  #appearedIn = -1
  /** Several may read the same entries: they wait for one load. */
  #loading: Promise<void> | null = null

  constructor(map: EntryMap, parts: ScanParts) {
    this.#map = map
    this.#parts = parts
    this.#memory = map.values()
    map.watch((entry) => this.#appears(entry))
  }

  /** Some more entries in this batch; those that are in memory, and those that got a value in this batch, are found at once. */
  want(entries: number): void {
    this.#wanted = Math.max(this.#wanted, this.#found.length + entries)
    this.#searchMemory(this.#others())
  }

  /** What was found belongs to the batch before. Where that was all of it, the next one begins anew. */
  endBatch(): void {
    if (this.#others() === 0) {
      this.#memory = this.#map.values()
      this.#cursor = null
    }
    this.#found = []
    this.#isSorted = true
    this.#wanted = 0
  }

  /** True where nothing is to be loaded. */
  get isSatisfied(): boolean {
    return this.#found.length >= this.#wanted || this.#others() === 0
  }

  /** Goes on until it has what is wanted. @throws as StoreHandle.scan; StoreLostError where there is less than was counted */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  async #load(): Promise<void> {
    let others = this.#others()
    for (let fruitless = 0; others > 0 && this.#found.length < this.#wanted; ) {
      const before = others
      const isWholeRound = fruitless > 0 || this.#cursor === null
      others = await this.#round(others)
      if (others === before && isWholeRound) fruitless += 1
      if (fruitless === fruitlessRoundsMax) throw this.#lost(others)
    }
  }

  /** As of the last load; what was deleted since is among them. */
  result(): Scanned {
    if (!this.#isSorted) this.#found.sort((a, b) => (a.key < b.key ? -1 : 1))
    this.#isSorted = true
    return { entries: this.#found, complete: this.#others() === 0 }
  }

  /** To the end of the round, or until there is enough. Returns how many entries are still to be found; 0 where the batch was dropped. */
  async #round(missing: number): Promise<number> {
    const { batch, page } = this.#parts
    const { number } = batch
    const { bytes: bucket } = this.#map
    let others = this.#searchMemory(missing)
    while (others > 0 && this.#found.length < this.#wanted) {
      const entriesMax = Math.min(chunkEntriesMax, this.#wanted - this.#found.length)
      await page({ bucket, cursor: this.#cursor, entriesMax }, ({ entries, cursor }) => {
        if (batch.number !== number) return
        for (const { key, value } of entries) if (this.#take(this.#entry(key.toString('latin1'), value))) others -= 1
        this.#cursor = cursor
      })
      if (batch.number !== number) return 0
      if (this.#cursor !== null) continue
      this.#memory = this.#map.values()
      return others
    }
    return others
  }

  #searchMemory(missing: number): number {
    let others = missing
    const appeared = this.#appearedIn === this.#parts.batch.number ? this.#appeared : []
    while (appeared.length > 0 && others > 0 && this.#found.length < this.#wanted) {
      const entry = appeared.pop()
      if (entry !== undefined && this.#take(entry)) others -= 1
    }
    while (this.#memory !== null && others > 0 && this.#found.length < this.#wanted) {
      const next = this.#memory.next()
      if (next.done === true) this.#memory = null
      else if (this.#take(next.value)) others -= 1
    }
    return others
  }

  #appears(entry: CachedEntry): void {
    const { number } = this.#parts.batch
    if (this.#appearedIn !== number) this.#appeared = []
    this.#appearedIn = number
    this.#appeared.push(entry)
  }

  /** What is in memory counts, changed or not. */
  #entry(key: string, bytes: Buffer): CachedEntry {
    const held = this.#map.get(key)
    if (held?.loaded === true) return held
    const value = this.#parts.decode(key, bytes)
    const entry = held ?? this.#map.add(key)
    this.#map.loaded(entry, value, bytes.length)
    return entry
  }

  /** False for one that has no value, or was found before. */
  #take(entry: CachedEntry): boolean {
    const { number } = this.#parts.batch
    if (entry.value === undefined || entry.scannedIn === number) return false
    entry.scannedIn = number
    if (entry.usedIn !== number) this.#map.use(entry)
    this.#found.push(entry)
    this.#isSorted = false
    return true
  }

  /** How many entries there are beside those that were found. */
  #others(): number {
    let others = this.#map.count
    for (const entry of this.#found) if (entry.value !== undefined) others -= 1
    return others
  }

  #lost(others: number): StoreLostError {
    const { time, bytes } = this.#map
    const what = bytes === null ? 'A store has' : 'A bucket of a store has'
    return new StoreLostError(`${what} ${others} entries less than were counted.`, { fields: { time, others } })
  }
}
