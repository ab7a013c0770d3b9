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
/** Slow, so that the largest batch that goes through is not left behind by much. */
const growth = 1.25

export class BatchSize {
  readonly #options: BatchSizeOptions
  #recordsMax: number
  #open: { readonly records: number; readonly since: number } | null = null

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
    if (this.#shrinks()) return true
    this.#recordsMax = Math.min(this.#options.recordsMax, Math.ceil(this.#recordsMax * growth))
    return false
  }

  /** Whatever the cause: what has failed late would do so again. True where the next batches are smaller for it. */
  failed(): boolean {
    return this.#shrinks()
  }

  #shrinks(): boolean {
    const open = this.#open
    this.#open = null
    const { clock, transactionTimeoutMs } = this.#options
    // Of what came of time alone, the number of records says nothing.
    if (open === null || open.records === 0 || clock.monotonic() - open.since <= shareMax * transactionTimeoutMs) return false
    // A batch may have had fewer than it might have.
    this.#recordsMax = Math.max(1, Math.floor(Math.min(this.#recordsMax, open.records) / 2))
    return true
  }
}
