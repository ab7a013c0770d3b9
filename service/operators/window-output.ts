/** How far event time is behind an operator of windows: up to where everything was emitted. */
import { endOfTime } from '../time/task-time.ts'
import type { Watermark } from '../time/watermark.ts'

export interface WindowOutputParts {
  readonly input: Watermark
  /** By how much the event time of rows may trail the watermark that releases them. */
  readonly holdBackMs: number
  /** Whether anything is open. */
  readonly isHolding: () => boolean
}

/**
 * Stands still while windows that could close are still there. Where nothing is open it goes along with the input between batches: no row
 * will tell downstream how far time is.
 */
export class WindowOutput implements Watermark {
  readonly #parts: WindowOutputParts
  #emitted = Number.NEGATIVE_INFINITY
  #isInBatch = false

  constructor(parts: WindowOutputParts) {
    this.#parts = parts
  }

  get value(): number {
    const { input, isHolding } = this.#parts
    return this.#isInBatch || isHolding() ? this.#emitted : Math.max(this.#emitted, this.#behind(input.value))
  }

  get isIdle(): boolean {
    return this.#parts.input.isIdle && !this.#parts.isHolding()
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
