/** The changes of a view that the store doesn't have yet: their entries are pinned until it has (P14). */
import type { BatchEntries } from './batch-entries.ts'
import type { CachedEntry } from './entry-cache.ts'
import type { StoreWrite } from './store-backend.ts'

export class UnappliedChanges {
  readonly #batch: BatchEntries
  /** Oldest first. */
  readonly #segments: { readonly writes: readonly StoreWrite[]; readonly entries: readonly CachedEntry[] }[] = []
  /** Entries whose changes were applied while they were held. */
  readonly #applied: CachedEntry[] = []
  #holds = 0

  constructor(batch: BatchEntries) {
    this.#batch = batch
  }

  /** Pins the entries. */
  add(writes: readonly StoreWrite[], entries: readonly CachedEntry[]): void {
    if (writes.length === 0) return
    for (const entry of entries) entry.pins += 1
    this.#segments.push({ writes, entries })
  }

  /** Unpins the entries of the oldest segment. Returns false where `writes` is another one. */
  applied(writes: readonly StoreWrite[]): boolean {
    const oldest = this.#segments.shift()
    if (oldest?.writes !== writes) return false
    for (const entry of oldest.entries) this.#applied.push(entry)
    this.#unpin()
    return true
  }

  /** What is pinned when this begins stays so until it has ended: for who compares memory with what the store was at some moment. */
  async hold<T>(act: () => Promise<T>): Promise<T> {
    this.#holds += 1
    try {
      return await act()
    } finally {
      this.#holds -= 1
      this.#unpin()
    }
  }

  clear(): void {
    this.#segments.length = 0
    this.#applied.length = 0
  }

  #unpin(): void {
    if (this.#holds > 0) return
    for (const entry of this.#applied) {
      entry.pins -= 1
      if (entry.pins <= 0 && entry.usedIn !== this.#batch.number) entry.owner.release(entry)
    }
    this.#applied.length = 0
  }
}
