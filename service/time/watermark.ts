/** Watermarks: how far event time has come at one place of a task. All records older than the value were seen there. */

export interface Watermark {
  /** ms since 1970; −Infinity before anything is known. It never goes back. */
  readonly value: number
  /** True where nothing is expected for the time being, so that nobody should wait for it. */
  readonly isIdle: boolean
}

/** The least over those that are not idle; where all are, over those that have ever said something. −Infinity where nobody has. */
export function leastOf(watermarks: readonly Watermark[]): number {
  let [active, idle] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const { value, isIdle } of watermarks) {
    if (!isIdle) active = Math.min(active, value)
    else if (value > Number.NEGATIVE_INFINITY) idle = Math.min(idle, value)
  }
  const least = active === Number.POSITIVE_INFINITY ? idle : active
  return least === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : least
}

/** Of streams that come together: the least of theirs. One that was idle may lie behind it when it wakes, so it remembers how far it was. */
export class MergedWatermark implements Watermark {
  readonly #inputs: readonly Watermark[]
  #value: number

  /** `committed`: −Infinity for a task that begins. */
  constructor(inputs: readonly Watermark[], committed: number) {
    this.#inputs = inputs
    this.#value = committed
  }

  get value(): number {
    this.#value = Math.max(this.#value, leastOf(this.#inputs))
    return this.#value
  }

  get isIdle(): boolean {
    return this.#inputs.every(({ isIdle }) => isIdle)
  }
}
