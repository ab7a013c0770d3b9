/** Sliding windows: for each record the window that ends with it and the one that begins behind it, each once, where not empty. */
import type { SlidingWindows as SlidingSpec, Value } from '../topology/node.ts'
import { dueBucket } from '../windows/due-buckets.ts'
import { closeUpTo, contentOf, endsAround, nextEnd, placeOf, type Slice, type SlidingState } from '../windows/sliding.ts'
import type { Arrival, KeyLogic } from './keyed-windows.ts'
import type { OpenWindow } from './open-rows.ts'
import { type SliceValues, sliceValues } from './slice-values.ts'
import { restoredRecord, storedRecord } from './stored-record.ts'
import { type LogicParts, tooLate } from './window-parts.ts'
import { type Bounds, WindowRows } from './window-rows.ts'

const nothingYet: SlidingState = { closed: Number.NEGATIVE_INFINITY, slices: [] }

export class SlidingWindows implements KeyLogic<SlidingState> {
  readonly holdBackMs: number
  readonly markAt = dueBucket
  readonly #parts: LogicParts<SlidingSpec>
  readonly #operator: string
  readonly #windows: SlidingSpec
  readonly #values: SliceValues
  readonly #rows: WindowRows

  constructor(parts: LogicParts<SlidingSpec>) {
    const { node, outlets, keys } = parts
    this.#parts = parts
    this.#operator = `${node.function} '${node.name}'`
    this.#windows = node.windows
    this.holdBackMs = node.windows.graceMs
    this.#values = sliceValues(node, keys)
    this.#rows = new WindowRows({ node, outlets, keys })
  }

  begin(): void {}

  dueOf(state: SlidingState): number {
    return nextEnd(state, this.#windows) + this.holdBackMs
  }

  /**
   * A record is late when no window that it could be in is open. Where some have closed it is kept, and is late for all if those that it
   * could still be in turn out not to be there.
   */
  add(state: SlidingState | undefined, { value, record, watermark }: Arrival): SlidingState | undefined {
    const { failed } = this.#parts
    const { spanMs, graceMs } = this.#windows
    const { timestamp: time } = record
    const passed = Math.max(watermark, record.stamp) - graceMs
    if (passed > time + spanMs) {
      tooLate(this.#parts, value, record)
      return state
    }
    const { closed, slices } = state ?? nothingYet
    const isInTime = passed <= time
    const stamp = record.stamp > time + graceMs ? record.stamp : Number.NEGATIVE_INFINITY
    const { index, slice } = placeOf(time, stamp, slices)
    let kept: Value
    try {
      kept = this.#values.add(slice?.value, value, record)
    } catch (error) {
      failed(this.#operator, error, record)
      return state
    }
    const untaken = isInTime ? (slice?.untaken ?? []) : [...(slice?.untaken ?? []), storedRecord(value, record)]
    const now = kept === undefined ? [] : [{ time, stamp, value: kept, untaken }]
    const others = slices.toSpliced(index, slice === undefined ? 0 : 1, ...now)
    return others.length === 0 ? undefined : { closed: Math.max(closed, watermark - graceMs - 1), slices: others }
  }

  close(key: string, state: SlidingState): SlidingState | undefined {
    const end = nextEnd(state, this.#windows)
    const content = contentOf(end, state, this.#windows)
    const aggregate = this.#total(key, content)
    if (aggregate !== undefined) this.#release({ key, end, content, aggregate, isClosed: true })
    const taken = new Set(aggregate === undefined ? [] : content.filter(({ untaken }) => untaken.length > 0))
    for (const slice of taken) this.#resolve(key, slice, 'some')
    const after = closeUpTo(end, state, this.#windows)
    for (const slice of state.slices.slice(0, state.slices.length - after.slices.length)) this.#resolve(key, slice, 'all')
    if (after.slices.length === 0) return undefined
    if (taken.size === 0) return after
    return { ...after, slices: after.slices.map((slice) => (taken.has(slice) ? { ...slice, untaken: [] } : slice)) }
  }

  changed(key: string, now: SlidingState, before: SlidingState | undefined): void {
    if (this.#parts.outlets.update === undefined) return
    const known = new Set(before?.slices)
    const times = new Set(before?.slices.map(({ time }) => time))
    const changed = now.slices.filter((slice) => !known.has(slice))
    if (changed.length === 0) return
    const begun = changed.map(({ time }) => time).filter((time) => !times.has(time))
    for (const end of endsAround({ changed, begun }, now, this.#windows)) {
      const content = contentOf(end, now, this.#windows)
      const aggregate = this.#total(key, content)
      if (aggregate !== undefined) this.#release({ key, end, content, aggregate, isClosed: false })
    }
  }

  flush(): void {
    this.#rows.flush()
  }

  open(key: string, state: SlidingState): readonly OpenWindow[] {
    const { slices } = state
    const ends = endsAround({ changed: slices, begun: slices.map(({ time }) => time) }, state, this.#windows)
    return ends.flatMap((end) => {
      const aggregate = this.#total(key, contentOf(end, state, this.#windows))
      return aggregate === undefined ? [] : [{ key, ...this.#boundsOf(end), aggregate }]
    })
  }

  /** Of the row of the window that ends with the moment `end`. */
  #boundsOf(end: number): Bounds {
    return { start: end - this.#windows.spanMs, end: end + 1 }
  }

  /** Of records that came when windows had closed: others have them or, that being settled, none. */
  #resolve(key: string, { untaken }: Slice, windows: 'some' | 'all'): void {
    const { late, keys } = this.#parts
    for (const stored of untaken) {
      const record = restoredRecord(stored, key, keys())
      if (windows === 'all') tooLate(this.#parts, stored.value, record)
      else late(record, windows)
    }
  }

  /** Undefined for a window that is not there. */
  #total(key: string, content: readonly Slice[]): Value {
    return this.#values.total(
      content.map(({ value }) => value),
      key,
    )
  }

  #release(row: Released): void {
    const { key, end, content, aggregate, isClosed } = row
    const bounds = this.#boundsOf(end)
    const timestamp = isClosed ? end : (content.at(-1)?.time ?? end)
    this.#rows.release({ key, ...bounds, aggregate, timestamp, closedBy: isClosed ? 'time' : undefined, replaces: [] })
  }
}

interface Released {
  readonly key: string
  /** Of the times that are in it, that moment included. */
  readonly end: number
  readonly content: readonly Slice[]
  readonly aggregate: Value
  readonly isClosed: boolean
}
