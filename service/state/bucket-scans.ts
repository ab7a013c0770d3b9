/** The scans of a view: one for each bucket that is being closed, kept from batch to batch until the bucket is empty. */
import { BucketScan, type Scanned, type ScanParts } from './bucket-scan.ts'
import type { EntryMap } from './entry-map.ts'

export class BucketScans {
  readonly #parts: ScanParts
  readonly #scans = new Map<number, BucketScan>()
  /** Those that were asked for in this batch. */
  readonly #asked = new Map<number, BucketScan>()

  constructor(parts: ScanParts) {
    this.#parts = parts
  }

  want(bucket: EntryMap, entries: number): void {
    let scan = this.#scans.get(bucket.time)
    if (scan === undefined) {
      scan = new BucketScan(bucket, this.#parts)
      this.#scans.set(bucket.time, scan)
    }
    this.#asked.set(bucket.time, scan)
    scan.want(entries)
  }

  /** Undefined where the bucket was not asked for in this batch. */
  result(time: number): Scanned | undefined {
    return this.#asked.get(time)?.result()
  }

  /** Those that have to load something. */
  pending(): readonly BucketScan[] {
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
