/** How many records a batch may have: fewer after a transaction that took too long, more again after those that did not. */
import type { Clock } from '../clock.ts'

export interface BatchSizeOptions {
  /** In any case. */
  readonly recordsMax: number
  readonly transactionTimeoutMs: number
  readonly clock: Clock
}

/** Of the time that a transaction has: so its time-out is never under twice the longest commit for long. */
const shareMax = 0.5
/** Where fewer records do not make it shorter, batches grow up to here. */
const growsBelow = 0.8
/** Half of the records in more than this part of the time: most of it is not theirs. */
const helpsBelow = 0.75
/** Slow, so that the largest batch that goes through is not left behind by much. */
const growth = 1.25

interface Measured {
  readonly records: number
  readonly ms: number
}

export class BatchSize {
  readonly #options: BatchSizeOptions
  #recordsMax: number
  #open: { readonly records: number; readonly since: number } | null = null
  /** The transaction after which the next batch was made smaller. */
  #tooLong: Measured | null = null
  /** Whether that hardly helped: still smaller batches would only be more that take as long. */
  #isInVain = false

  constructor(options: BatchSizeOptions) {
    this.#options = options
    this.#recordsMax = options.recordsMax
  }

  /** Of the next batch. */
  get recordsMax(): number {
    return this.#recordsMax
  }

  /** The first records of a batch are about to be sent: from now on its transaction has only so much time. */
  opened(records: number): void {
    this.#open = { records, since: this.#options.clock.monotonic() }
  }

  /** True where the next batches are smaller for it. */
  committed(): boolean {
    const { recordsMax, transactionTimeoutMs } = this.#options
    const measured = this.#close()
    if (measured !== null) this.#learn(measured)
    if (measured !== null && !this.#isInVain && this.#shrinks(measured)) return true
    const mayGrow = measured === null || measured.ms <= growsBelow * transactionTimeoutMs
    if (mayGrow) this.#recordsMax = Math.min(recordsMax, Math.ceil(this.#recordsMax * growth))
    return false
  }

  /** Whatever the cause: what has failed late would do so again. True where the next batches are smaller for it. */
  failed(): boolean {
    const measured = this.#close()
    return measured !== null && this.#shrinks(measured)
  }

  /** Null for what came of time alone: the number of records says nothing of it. */
  #close(): Measured | null {
    const open = this.#open
    this.#open = null
    return open === null || open.records === 0
      ? null
      : { records: open.records, ms: this.#options.clock.monotonic() - open.since }
  }

  #learn({ records, ms }: Measured): void {
    const before = this.#tooLong
    if (!this.#isTooLong(ms)) this.#isInVain = false
    else if (before !== null && 2 * records <= before.records) this.#isInVain = ms > helpsBelow * before.ms
  }

  #shrinks(measured: Measured): boolean {
    if (!this.#isTooLong(measured.ms)) return false
    this.#tooLong = measured
    // A batch may have had fewer than it might have.
    this.#recordsMax = Math.max(1, Math.floor(Math.min(this.#recordsMax, measured.records) / 2))
    return true
  }

  #isTooLong(ms: number): boolean {
    return ms > shareMax * this.#options.transactionTimeoutMs
  }
}
