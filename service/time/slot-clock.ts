/**
 * The time of one task in slots: which interval of the trigger its batches fall into, told apart by where the interval begins on the wall
 * clock. Windows of batches go by it as others go by event time.
 */
import type { Watermark } from './watermark.ts'

export interface SlotClockParts {
  /** The interval, ms. */
  readonly everyMs: number
  /** By how many intervals records come here later than they were cut at their source: one for each repartition topic between. */
  readonly lag: number
  /** How long the longest window of the task is, ms; 0 where it has none. */
  readonly spanMs: number
  /** As it was committed; −Infinity for a task that begins. */
  readonly committed: number
}

export class SlotClock implements Watermark {
  /** Somebody downstream waits for windows that are open here, never for slots in which nothing was. */
  readonly isIdle = true
  readonly #parts: SlotClockParts
  #value: number
  /** The slot of the newest record; before the first, that of the last commit. */
  #newest: number
  #isEnded = false

  constructor(parts: SlotClockParts) {
    this.#parts = parts
    this.#value = parts.committed
    this.#newest = parts.committed
  }

  /** Where the present slot begins, ms since 1970. It never goes back, whatever the wall clock does. */
  get value(): number {
    return this.#value
  }

  /** A batch is cut. `now`: wall clock, ms. */
  observe(now: number): void {
    const { everyMs, lag, spanMs } = this.#parts
    this.#advance((Math.floor(now / everyMs) - lag) * everyMs)
    if (this.#isEnded) this.#advance(this.#newest + spanMs)
  }

  /** A record comes next that was cut in the slot that begins at `slot`; −Infinity where that is not known. It is in the present slot then. */
  see(slot: number): void {
    this.#advance(slot)
    this.#newest = this.#value
  }

  /** The sources have come to their end: from now on the batches after the last record are not waited for. */
  end(): void {
    this.#isEnded = true
  }

  #advance(slot: number): void {
    if (slot > this.#value) this.#value = slot
  }
}
