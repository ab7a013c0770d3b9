/**
 * The watermark behind an operator that emits once a batch, when its input has gone through the batch already: it stands still from the
 * beginning of the batch until everything is emitted, so that nothing of it is late downstream.
 */
import type { Watermark } from '../time/watermark.ts'

export class HeldWatermark implements Watermark {
  readonly #input: Watermark
  #held: number | null = null

  constructor(input: Watermark) {
    this.#input = input
  }

  get value(): number {
    return this.#held ?? this.#input.value
  }

  get isIdle(): boolean {
    return this.#input.isIdle
  }

  hold(): void {
    this.#held = this.#input.value
  }

  release(): void {
    this.#held = null
  }
}
