/** What a view collects in the course of a batch, over all its maps of entries. */
import type { CachedEntry } from './entry-cache.ts'

export class BatchEntries {
  /** Goes up with each batch, so that an entry knows whether it belongs to the present one. */
  number = 0
  used: CachedEntry[] = []
  /** Asked for and not loaded. */
  missing: CachedEntry[] = []
  /** In the order of their first change. */
  changed: CachedEntry[] = []

  /** Returns what the batch before used. */
  begin(): readonly CachedEntry[] {
    const { used } = this
    this.used = []
    this.missing = []
    this.changed = []
    this.number += 1
    return used
  }
}
