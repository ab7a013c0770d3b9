/** The part of one task in a top over a table: its first rows, sent on when they changed. */
import type { TopPart } from '../codec/top.ts'
import type { Push } from '../source/push.ts'
import { FirstRows } from './first-rows.ts'
import { HeldWatermark } from './held-watermark.ts'
import type { StatefulOperator } from './stateful.ts'
import { partRecord, rankedRow, type TopParts } from './top-part.ts'

export class TableTop implements StatefulOperator {
  readonly output: HeldWatermark
  readonly isDue = false
  readonly #parts: TopParts
  readonly #first: FirstRows
  #isTouched = false
  /** The newest event time that went into a change of the batch. */
  #newest = Number.NEGATIVE_INFINITY

  constructor(parts: TopParts) {
    this.output = new HeldWatermark(parts.input)
    this.#parts = parts
    this.#first = new FirstRows(parts.node.ranking)
  }

  begin(): void {
    this.output.hold()
    this.#isTouched = false
    this.#newest = Number.NEGATIVE_INFINITY
  }

  /** Takes a row that changed, or is gone. */
  readonly push: Push = (row, record) => {
    this.#isTouched = true
    if (record.timestamp > this.#newest) this.#newest = record.timestamp
    this.#take(row, record)
  }

  /** All rows are looked at when the task begins, and when so many of the first got worse that others may come before them. */
  load(): Promise<void> | undefined {
    return this.#isTouched && !this.#first.isKnown ? this.#parts.rows.loadRows() : undefined
  }

  run(): void {
    if (this.#isTouched) this.#tell()
    this.output.release()
  }

  #tell(): void {
    const { rows, partition, next } = this.#parts
    if (!this.#first.isKnown) {
      this.#first.begin()
      rows.replay(this.#take, this.#newest)
    }
    const first = this.#first.changed()
    if (first !== undefined) next({ partition, isFinal: false, rows: first } satisfies TopPart, partRecord(this.#newest))
  }

  readonly #take: Push = (row, record) => {
    this.#first.take(record.keyLatin1 ?? '', row === undefined ? undefined : rankedRow(row, record))
  }
}
