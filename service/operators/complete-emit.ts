/** emit('complete'): all rows of a table, or of the open windows, in each batch that changed one. */
import type { Push } from '../source/push.ts'
import type { Watermark } from '../time/watermark.ts'
import type { AllRows } from './all-rows.ts'
import { HeldWatermark } from './held-watermark.ts'
import type { StatefulOperator } from './stateful.ts'

export interface CompleteEmitParts {
  readonly rows: AllRows
  /** Of the changes that come in. */
  readonly input: Watermark
  readonly next: Push
}

export class CompleteEmit implements StatefulOperator {
  readonly output: HeldWatermark
  readonly isDue = false
  readonly #rows: AllRows
  readonly #next: Push
  #isChanged = false
  /** The newest event time that went into a change of the batch. */
  #newest = Number.NEGATIVE_INFINITY

  constructor({ rows, input, next }: CompleteEmitParts) {
    this.output = new HeldWatermark(input)
    this.#rows = rows
    this.#next = next
  }

  begin(): void {
    this.output.hold()
    this.#isChanged = false
    this.#newest = Number.NEGATIVE_INFINITY
  }

  /** Takes a row that changed, or is gone. */
  readonly push: Push = (_, { timestamp }) => {
    this.#isChanged = true
    if (timestamp > this.#newest) this.#newest = timestamp
  }

  load(): Promise<void> | undefined {
    return this.#isChanged ? this.#rows.loadRows() : undefined
  }

  run(): void {
    if (this.#isChanged) this.#rows.replay(this.#emit, this.#newest)
    this.output.release()
  }

  readonly #emit: Push = (row, record) => {
    if (row !== undefined) this.#next(row, record)
  }
}
