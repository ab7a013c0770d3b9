/** How far event time is behind an operator of windows: up to where everything was emitted. */
import { endOfTime } from '../time/task-time.ts'
import type { Watermark } from '../time/watermark.ts'

export interface WindowOutputParts {
  readonly input: Watermark
  /** By how much the event time of rows may trail the watermark that releases them. */
  readonly holdBackMs: number
  /** The last watermark of the input at which nothing is due of what is open; Infinity where nothing is open. */
  readonly dueAfter: () => number
}

/**
 * Moves in a batch as windows are emitted, and between batches with the input, as far as nothing is due: where no row tells downstream how
 * far time is, windows of these windows may have to close by that.
 */
export class WindowOutput implements Watermark {
  readonly #parts: WindowOutputParts
  #emitted = Number.NEGATIVE_INFINITY
  #isInBatch = false

  constructor(parts: WindowOutputParts) {
    this.#parts = parts
  }

  get value(): number {
    const { input, dueAfter } = this.#parts
    return this.#isInBatch ? this.#emitted : Math.max(this.#emitted, this.#behind(Math.min(input.value, dueAfter())))
  }

  get isIdle(): boolean {
    return this.#parts.input.isIdle && this.#parts.dueAfter() === Number.POSITIVE_INFINITY
  }

  begin(): void {
    this.#emitted = this.value
    this.#isInBatch = true
  }

  /** All that closes up to this watermark of the input was emitted. */
  moveTo(watermark: number): void {
    this.#emitted = Math.max(this.#emitted, this.#behind(watermark))
  }

  end(): void {
    this.#isInBatch = false
  }

  /** Behind the end of time nothing is held back. */
  #behind(watermark: number): number {
    return watermark === endOfTime ? watermark : watermark - this.#parts.holdBackMs
  }
}
