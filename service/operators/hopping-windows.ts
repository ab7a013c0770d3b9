/** Hopping windows whose aggregates can be merged: a record goes into one slice of time, and windows are put together as they close. */
import type { AlignedWindows as Alignment } from '../topology/node.ts'
import { firstEnd, lastEnd } from '../windows/aligned.ts'
import { closeNext, contentOf, type HoppingState, openEnds, sliceAt, sliceStart, withChange } from '../windows/hopping.ts'
import type { Arrival, KeyLogic } from './keyed-windows.ts'
import type { OpenWindow } from './open-rows.ts'
import { type SliceValues, sliceValues } from './slice-values.ts'
import { type LogicParts, tooLate } from './window-parts.ts'
import { type WindowRow, WindowRows } from './window-rows.ts'

/** A slice that the batch changed, with the newest event time that went in. */
interface Touch {
  readonly start: number
  readonly stamp: number
  newest: number
}

interface Touched {
  readonly slices: Touch[]
  /** At the end of the batch; undefined where nothing is open any more. */
  state: HoppingState | undefined
}

const inTime = Number.NEGATIVE_INFINITY

export class HoppingWindows implements KeyLogic<HoppingState> {
  readonly holdBackMs: number
  readonly #parts: LogicParts<Alignment>
  readonly #operator: string
  readonly #windows: Alignment
  readonly #values: SliceValues
  readonly #rows: WindowRows
  /** By key, in the order of their first record; kept where somebody reads rows that change. */
  readonly #touched = new Map<string, Touched>()
  #isBatchOver = false

  constructor(parts: LogicParts<Alignment>) {
    const { node, outlets, keys } = parts
    this.#parts = parts
    this.#operator = `${node.function} '${node.name}'`
    this.#windows = node.windows
    this.holdBackMs = node.windows.graceMs
    this.#values = sliceValues(node, keys)
    this.#rows = new WindowRows({ node, outlets, keys })
  }

  begin(): void {
    this.#touched.clear()
    this.#isBatchOver = false
  }

  dueOf(state: HoppingState): number {
    return state.next + this.holdBackMs - 1
  }

  /** The windows of all keys end at the same times: there are few of them. */
  markAt(due: number): number {
    return due
  }

  add(state: HoppingState | undefined, { entry, value, record, watermark }: Arrival): HoppingState | undefined {
    const { failed, late, outlets } = this.#parts
    const windows = this.#windows
    const time = this.#parts.time.timeOf(record, watermark)
    const closed = watermark - windows.graceMs
    const bound = Math.max(closed, this.#parts.time.stampOf(record) - windows.graceMs)
    // Where it is not even behind, nothing has to be computed: all of its windows end later.
    const isBehind = bound > time
    if (isBehind && bound >= lastEnd(time, windows)) {
      tooLate(this.#parts, value, record)
      return state
    }
    const isPartlyLate = isBehind && bound >= firstEnd(time, windows)
    const start = sliceStart(time, windows)
    // What closed by the watermark is closed for the key; what only its own partition has passed is closed for the record alone.
    const stamp = isPartlyLate && bound > closed ? bound : inTime
    const slice = sliceAt({ start, stamp }, state)
    let kept: unknown
    try {
      kept = this.#values.add(slice?.value, value, record)
    } catch (error) {
      failed(this.#operator, error, record)
      return state
    }
    if (isPartlyLate) late(record, 'some')
    if (kept === undefined && slice === undefined) return state
    if (outlets.update !== undefined) this.#touch(entry.key, { start, stamp, newest: time })
    return withChange({ start, stamp, value: kept, closed }, state, windows)
  }

  close(key: string, state: HoppingState): HoppingState | undefined {
    const { next: end } = state
    const aggregate = this.#values.total(contentOf(end, state, this.#windows), key)
    if (aggregate !== undefined) this.#release({ key, end, aggregate, timestamp: end - 1, closedBy: 'time' })
    return closeNext(state, this.#windows)
  }

  /** Keys come as their state was found or changed, which a restart may change: their rows wait, to be put in the order of records. */
  changed(key: string, state: HoppingState): void {
    const touched = this.#touched.get(key)
    if (touched !== undefined) touched.state = state
    this.#isBatchOver = true
  }

  flush(): void {
    if (this.#isBatchOver)
      for (const [key, { slices, state }] of this.#touched) if (state !== undefined) this.#releaseOpen(key, slices, state)
    this.#rows.flush()
  }

  open(key: string, state: HoppingState): readonly OpenWindow[] {
    const slices = [...state.older, state.newest]
    const ends = new Set(slices.flatMap((slice) => openEnds(slice, state, this.#windows)))
    return [...ends].flatMap((end) => {
      const aggregate = this.#values.total(contentOf(end, state, this.#windows), key)
      return aggregate === undefined ? [] : [{ key, start: end - this.#windows.sizeMs, end, aggregate }]
    })
  }

  #touch(key: string, touch: Touch): void {
    const touched = this.#touched.get(key)
    if (touched === undefined) {
      this.#touched.set(key, { slices: [touch], state: undefined })
      return
    }
    const known = touched.slices.findLast(({ start, stamp }) => start === touch.start && stamp === touch.stamp)
    if (known === undefined) touched.slices.push(touch)
    else known.newest = Math.max(known.newest, touch.newest)
  }

  /** Each open window that has one of the slices, with the newest event time that the batch brought it. */
  #releaseOpen(key: string, slices: readonly Touch[], state: HoppingState): void {
    const newestByEnd = new Map<number, number>()
    for (const slice of slices)
      for (const end of openEnds(slice, state, this.#windows))
        newestByEnd.set(end, Math.max(slice.newest, newestByEnd.get(end) ?? slice.newest))
    for (const [end, timestamp] of [...newestByEnd].sort(([a], [b]) => a - b)) {
      const aggregate = this.#values.total(contentOf(end, state, this.#windows), key)
      if (aggregate !== undefined) this.#release({ key, end, aggregate, timestamp, closedBy: undefined })
    }
  }

  #release({ end, ...row }: Omit<WindowRow, 'start' | 'replaces'>): void {
    this.#rows.release({ ...row, start: end - this.#windows.sizeMs, end, replaces: [] })
  }
}
