/** The buckets of a view that are in use, or have entries in memory. */
import { type BucketView, EntryMap, type EntryMapParts } from './entry-map.ts'

export class Buckets {
  readonly #parts: EntryMapParts
  readonly #maps = new Map<number, EntryMap>()
  /** The one that was asked for last. */
  #last: EntryMap | null = null

  constructor(parts: EntryMapParts) {
    this.#parts = parts
  }

  /** As an operator gets it, most often the same one again. */
  view(time: number): BucketView {
    if (this.#last !== null && this.#last.time === time) return this.#last
    this.#last = this.at(time)
    return this.#last
  }

  at(time: number): EntryMap {
    return this.#maps.get(time) ?? this.#create(time)
  }

  /** Lets go what is empty: nobody has a bucket from the batch before. Calls `gone` for each that holds nothing, in memory or not. */
  beginBatch(gone: (time: number) => void): void {
    this.#last = null
    const { emptied } = this.#parts
    for (const { time, size, count } of emptied) {
      if (size > 0 || count > 0) continue
      this.#maps.delete(time)
      gone(time)
    }
    emptied.length = 0
  }

  clear(): void {
    for (const map of this.#maps.values()) map.clear()
    this.#maps.clear()
    this.#last = null
    this.#parts.emptied.length = 0
  }

  #create(time: number): EntryMap {
    const map = new EntryMap(time, this.#parts)
    this.#maps.set(time, map)
    this.#parts.emptied.push(map)
    return map
  }
}
