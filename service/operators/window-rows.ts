/** The rows of windows, as they go to whoever reads them: final ones, changed ones, all. */
import type { Decoder } from '../codec/codec.ts'
import type { Push } from '../source/push.ts'
import { noProvenance, RecordInput, StreamRecord } from '../source/record.ts'
import type { Entry } from '../state/state-view.ts'
import type { Key, Value, WindowNode } from '../topology/node.ts'

/** Where the rows and records of a window operator go; undefined where nobody takes them. */
export interface Outlets {
  /** Each window once, when it is final. */
  readonly append: Push | undefined
  /** Windows that a batch changed, and final ones. */
  readonly update: Push | undefined
  /** Each open window that a batch changed, or that is open no more: its row now, and as it was, undefined where there is or was none. */
  readonly changes?: Push | undefined
  /** Records that came when all of their windows had closed. */
  readonly late: Push | undefined
  /** Records of sessions with `startsWith` that are in no session. */
  readonly outside?: Push | undefined
  /** Told how many windows have closed, each key for itself, and the latest end of one, whether anybody takes their rows or not. */
  readonly closed: (count: number, end: number) => void
}

export interface Bounds {
  readonly start: number
  readonly end: number
}

/** A window of one key, as it is now or, with `closedBy`, as it stays. */
export interface WindowRow extends Bounds {
  readonly key: string
  readonly aggregate: Value
  /** That of its row. */
  readonly timestamp: number
  /** Undefined while it is open. */
  readonly closedBy: 'time' | 'gap' | 'marker' | undefined
  /** The bounds of earlier rows of the key that this one takes the place of. */
  readonly replaces: readonly Bounds[]
}

export interface WindowRowsParts {
  readonly node: WindowNode
  readonly outlets: Outlets
  readonly keys: () => Decoder<Key>
}

export class WindowRows {
  readonly #finish: (aggregate: Value) => Value
  readonly #isSame: WindowNode['isSame']
  readonly #outlets: Outlets
  readonly #keys: () => Decoder<Key>
  #released: WindowRow[] = []

  constructor({ node, outlets, keys }: WindowRowsParts) {
    this.#finish = node.finish ?? ((aggregate) => aggregate)
    this.#isSame = node.isSame
    this.#outlets = outlets
    this.#keys = keys
  }

  /** One window of several keys is final: its rows carry the last moment that is in it, so that an enclosing window takes them. */
  closed({ start, end }: Bounds, entries: readonly Entry[]): void {
    const { append, update, closed } = this.#outlets
    if (entries.length > 0) closed(entries.length, end)
    if (append === undefined && update === undefined) return
    const input = this.#input(new Float64Array(entries.length).fill(end - 1))
    for (const [i, { key, value }] of entries.entries()) {
      const row = { start, end, value: this.#finish(value), closedBy: 'time' }
      const record = new StreamRecord(input, i, key)
      append?.(row, record)
      update?.(row, record)
    }
  }

  /** What a batch changed and did not close, in the order of the first change; with the newest event time that went in. */
  updated(changed: readonly Entry[], boundsOf: (bucket: number) => Bounds): void {
    const { update } = this.#outlets
    if (update === undefined) return
    const open = changed.filter(
      ({ bucket, value, before }) => bucket !== null && value !== undefined && !this.#isShown(value, before),
    )
    const input = this.#input(Float64Array.from(open, ({ timestamp }) => timestamp))
    for (const [i, { key, bucket, value }] of open.entries()) {
      if (bucket !== null) update({ ...boundsOf(bucket), value: this.#finish(value) }, new StreamRecord(input, i, key))
    }
  }

  #isShown(value: Value, before: Value): boolean {
    return before !== undefined && this.#isSame?.(value, before) === true
  }

  /** A row of a window that is not of one bucket; it goes with the next flush. */
  release(row: WindowRow): void {
    this.#released.push(row)
  }

  /** Hands on the released rows, in their order. */
  flush(): void {
    const rows = this.#released
    if (rows.length === 0) return
    this.#released = []
    const { append, update } = this.#outlets
    this.#count(rows)
    if (append === undefined && update === undefined) return
    const input = this.#input(Float64Array.from(rows, ({ timestamp }) => timestamp))
    for (const [i, { start, end, key, aggregate, closedBy, replaces }] of rows.entries()) {
      const value = this.#finish(aggregate)
      const record = new StreamRecord(input, i, key)
      if (closedBy === undefined) {
        update?.(replaces.length === 0 ? { start, end, value } : { start, end, value, replaces }, record)
        continue
      }
      const row = { start, end, value, closedBy }
      append?.(row, record)
      update?.(row, record)
    }
  }

  #count(rows: readonly WindowRow[]): void {
    let count = 0
    let latest = Number.NEGATIVE_INFINITY
    for (const { closedBy, end } of rows) {
      if (closedBy === undefined) continue
      count += 1
      latest = Math.max(latest, end)
    }
    if (count > 0) this.#outlets.closed(count, latest)
  }

  #input(timestamps: Float64Array): RecordInput {
    const place = { topic: '', partition: -1, columns: null, first: 0 }
    return new RecordInput({ ...place, timestamps, keys: this.#keys(), provenance: noProvenance })
  }
}
