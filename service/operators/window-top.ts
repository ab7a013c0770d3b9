/** The part of one task in a top per window: the first of the rows that became final and, where somebody asks, of those still open. */
import type { TopPart } from '../codec/top.ts'
import type { Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { Value } from '../topology/node.ts'
import { FirstRows } from './first-rows.ts'
import { HeldWatermark } from './held-watermark.ts'
import type { StatefulOperator } from './stateful.ts'
import { partRecord, rankedRow, type TopParts } from './top-part.ts'
import type { Bounds } from './window-rows.ts'

interface WindowRowValue extends Bounds {
  readonly value: Value
}

export class WindowTop implements StatefulOperator {
  readonly output: HeldWatermark
  readonly isDue = false
  readonly #parts: TopParts
  /** By end: what became final in this batch. A close may be spread over several, and each tells its own. */
  readonly #final = new Map<number, FirstRows>()
  /** By end: the windows that are open, and nothing of which is final yet; those that hold no row are left out. */
  readonly #open = new Map<number, FirstRows>()
  /** False until the windows were looked at that had been open before the task began. */
  #isKnown = false
  /** The ends of the open windows that this batch changed. */
  readonly #touched = new Set<number>()

  constructor(parts: TopParts) {
    this.output = new HeldWatermark(parts.input)
    this.#parts = parts
  }

  begin(): void {
    this.output.hold()
    this.#final.clear()
    this.#touched.clear()
  }

  /** Takes a final row. */
  readonly push: Push = (row, record) => {
    const { end } = row as WindowRowValue
    this.#open.delete(end)
    this.#touched.delete(end)
    this.#take(this.#final, row, record)
  }

  /** Takes a row of an open window that changed, or is gone; those that became final have been told before. */
  readonly changed: Push = (row, record, before) => {
    const { end } = (row ?? before) as WindowRowValue
    if (this.#final.has(end)) return
    this.#touched.add(end)
    if (!this.#isKnown) return
    if (row !== undefined) this.#take(this.#open, row, record)
    else this.#firstOf(this.#open, end).take(record.keyLatin1 ?? '', undefined)
  }

  /** All rows are looked at when the task begins; later those of a window of which so many got worse that others may come before them. */
  load(): Promise<void> | undefined {
    if (this.#touched.size === 0) return undefined
    const { rows } = this.#parts
    if (!this.#isKnown) return rows.loadRows()
    const unknown = this.#unknown()
    return unknown.size === 0 ? undefined : rows.loadRows(unknown)
  }

  run(): void {
    for (const end of inOrder(this.#final.keys())) this.#tell(this.#final, end)
    if (this.#touched.size > 0) this.#look()
    for (const end of inOrder(this.#touched)) this.#tell(this.#open, end)
    this.output.release()
  }

  #look(): void {
    const unknown = this.#isKnown ? this.#unknown() : undefined
    if (unknown?.size === 0) return
    for (const end of unknown ?? []) this.#open.get(end)?.begin()
    const next: Push = (row, record) => {
      if (!this.#final.has((row as WindowRowValue).end)) this.#take(this.#open, row, record)
    }
    // Parts have a time of their own.
    this.#parts.rows.replay(next, Number.NaN, unknown)
    this.#isKnown = true
  }

  #unknown(): ReadonlySet<number> {
    return new Set([...this.#touched].filter((end) => this.#open.get(end)?.isKnown === false))
  }

  #take(windows: Map<number, FirstRows>, row: Value, record: StreamRecord): void {
    const { end, value } = row as WindowRowValue
    this.#firstOf(windows, end).take(record.keyLatin1 ?? '', rankedRow(value, record))
  }

  /** A window that nothing was told of has no rows. */
  #firstOf(windows: Map<number, FirstRows>, end: number): FirstRows {
    let first = windows.get(end)
    if (first === undefined) {
      first = new FirstRows(this.#parts.node.ranking)
      first.begin()
      windows.set(end, first)
    }
    return first
  }

  /** With the last moment that is in the window, open or not, by which it is known where parts are merged. */
  #tell(windows: Map<number, FirstRows>, end: number): void {
    const { partition, next } = this.#parts
    const rows = this.#firstOf(windows, end).changed()
    if (rows === undefined) return
    if (rows.length === 0) windows.delete(end)
    next({ partition, isFinal: windows === this.#final, rows } satisfies TopPart, partRecord(end - 1))
  }
}

const inOrder = (ends: Iterable<number>): readonly number[] => [...ends].toSorted((a, b) => a - b)
