/** The scans of a view, kept from batch to batch: one for each bucket that is read, until it is empty, and one for the keyed entries. */
import type { EntryMap } from './entry-map.ts'
import { EntryScan, type Scanned, type ScanParts } from './entry-scan.ts'

export class EntryScans {
  readonly #parts: ScanParts
  /** By the time of the bucket; NaN for the keyed entries. */
  readonly #scans = new Map<number, EntryScan>()
  /** Those that were asked for in this batch. */
  readonly #asked = new Map<number, EntryScan>()

  constructor(parts: ScanParts) {
    this.#parts = parts
  }

  want(map: EntryMap, entries: number): void {
    let scan = this.#scans.get(map.time)
    if (scan === undefined) {
      scan = new EntryScan(map, this.#parts)
      this.#scans.set(map.time, scan)
    }
    this.#asked.set(map.time, scan)
    scan.want(entries)
  }

  /** Undefined where it was not asked for in this batch. */
  result({ time }: EntryMap): Scanned | undefined {
    return this.#asked.get(time)?.result()
  }

  /** Those that have to load something. */
  pending(): readonly EntryScan[] {
    return this.#asked.size === 0 ? [] : [...this.#asked.values()].filter((scan) => !scan.isSatisfied)
  }

  beginBatch(): void {
    for (const scan of this.#asked.values()) scan.endBatch()
    this.#asked.clear()
  }

  /** The bucket holds nothing. */
  drop(time: number): void {
    this.#scans.delete(time)
  }

  clear(): void {
    this.#asked.clear()
    this.#scans.clear()
  }
}
