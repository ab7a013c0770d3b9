/** Watermarks: how far event time has come at one place of a task. All records older than the value were seen there. */

export interface Watermark {
  /** ms since 1970; −Infinity before anything is known. It never goes back. */
  readonly value: number
  /** True where nothing is expected for the time being, so that nobody should wait for it. */
  readonly isIdle: boolean
}

/** Of what comes from several places: the least. */
export function leastOf(watermarks: readonly Watermark[]): Watermark {
  const [first, ...others] = new Set(watermarks)
  if (first === undefined) return { value: Number.NEGATIVE_INFINITY, isIdle: false }
  if (others.length === 0) return first
  return {
    get value() {
      return others.reduce((least, { value }) => Math.min(least, value), first.value)
    },
    get isIdle() {
      return first.isIdle && others.every(({ isIdle }) => isIdle)
    },
  }
}
