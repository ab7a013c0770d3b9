/** How many entries a store holds: keyed ones, and those of each bucket, the times of the buckets in order. */
import { bucketTime } from './bucket-bytes.ts'
import type { Marker, StoreHandle } from './store-backend.ts'

export interface BucketCount {
  readonly time: number
  /** More than none. */
  readonly entries: number
}

/** What a store holds. */
export interface EntryCounts {
  readonly keyed: number
  /** Each bucket that holds anything. */
  readonly buckets: readonly BucketCount[]
}

/** What a store holds, the changes of the batch under way included. */
export interface BucketTimes {
  /** How many buckets there are. */
  readonly size: number
  /** The least time. */
  readonly first: number | undefined
  /** The times up to `time`, that one included, the least first; a copy, so that buckets may go while it is walked through. */
  upTo(time: number): readonly number[]
  /** How many entries the bucket holds. */
  entries(time: number): number
}

/** The times are a sorted array: they mostly come at its end and go at its beginning, and there are few for the entries that they hold. */
export class CountedEntries implements BucketTimes {
  /** How many keyed entries there are. */
  keyed = 0
  #bucketed = 0
  #times: number[] = []
  readonly #counts = new Map<number, number>()

  /** Forgets what it knew. `buckets` has each time once. */
  reset({ keyed, buckets }: EntryCounts): void {
    this.keyed = keyed
    this.#counts.clear()
    this.#bucketed = buckets.reduce((sum, { entries }) => sum + entries, 0)
    for (const { time, entries } of buckets) this.#counts.set(time, entries)
    this.#times = [...this.#counts.keys()].sort((a, b) => a - b)
  }

  /** Keyed entries and those of all buckets. */
  get all(): number {
    return this.keyed + this.#bucketed
  }

  get size(): number {
    return this.#times.length
  }

  get first(): number | undefined {
    return this.#times.length === 0 ? undefined : this.#times[0]
  }

  upTo(time: number): readonly number[] {
    return this.#times.slice(0, this.#firstAfter(time))
  }

  entries(time: number): number {
    return this.#counts.get(time) ?? 0
  }

  /** An entry appeared in the bucket. */
  add(time: number): void {
    const count = this.entries(time)
    this.#bucketed += 1
    this.#counts.set(time, count + 1)
    if (count === 0) this.#times.splice(this.#firstAfter(time), 0, time)
  }

  /** An entry of the bucket is gone. */
  remove(time: number): void {
    const count = this.entries(time)
    if (count > 0) this.#bucketed -= 1
    if (count > 1) {
      this.#counts.set(time, count - 1)
      return
    }
    if (this.#counts.delete(time)) this.#times.splice(this.#firstAfter(time) - 1, 1)
  }

  /** The index of the first time that is greater. */
  #firstAfter(time: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#times[middle] ?? time) <= time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What a store holds that stands at `at`, and that nobody moves in the meantime. @throws as StoreHandle.load */
export async function countEntries(handle: StoreHandle, at: Marker): Promise<EntryCounts> {
  const counts: BucketCount[] = []
  for (let after: Buffer | null = null; ; ) {
    const { keyed, buckets } = await handle.counts(at, after)
    for (const { bucket, entries } of buckets) counts.push({ time: bucketTime(bucket), entries })
    const last = buckets.at(-1)
    if (last === undefined) return { keyed, buckets: counts }
    after = last.bucket
  }
}
