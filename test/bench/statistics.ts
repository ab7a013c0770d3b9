/** Figures of repeated runs: medians, percentiles, and how far they lie apart. */
import { loadavg } from 'node:os'

/** The median with the least and the greatest of what it was taken from. */
export interface Figure {
  readonly median: number
  readonly least: number
  readonly greatest: number
}

/** `share` in [0, 1]; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)

export const figureOf = (values: readonly number[]): Figure => ({
  median: median(values),
  least: Math.min(...values),
  greatest: Math.max(...values),
})

/** Runs that count: all but the first two of five, in which code is still being compiled; of fewer runs, the last ones. */
export function settled<T>(runs: readonly T[]): readonly T[] {
  return runs.slice(Math.min(2, runs.length - 1))
}

/** Processes that wanted a core, averaged over the last minute. */
export const loadAverage = (): number => loadavg()[0] ?? Number.NaN
