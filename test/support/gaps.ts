/** How long no committed output was to be seen: what a fault costs those who wait for results. */
import { appendFileSync } from 'node:fs'
import type { SeenRecord } from './checker/history.ts'

export interface Span {
  /** ms since 1970. */
  readonly fromMs: number
  readonly toMs: number
}

/** The longest time between two records, of which the earlier was seen within the span; or from its begin to the first one after it. */
export function longestGapMs(seen: readonly SeenRecord[], { fromMs, toMs }: Span): number {
  const times = seen.map(({ atMs }) => atMs).filter((atMs) => atMs >= fromMs)
  const before = seen.findLast(({ atMs }) => atMs < fromMs)?.atMs
  let [last, longest] = [before ?? times[0] ?? fromMs, 0]
  for (const atMs of times) {
    if (last >= toMs) break
    longest = Math.max(longest, atMs - last)
    last = Math.max(last, atMs)
  }
  return longest
}

/** The longest of all partitions: those that went on don't hide one that stood still. */
export const longestGapOfAnyMs = (seen: readonly SeenRecord[], span: Span): number =>
  Math.max(0, ...[...Map.groupBy(seen, ({ partition }) => partition).values()].map((records) => longestGapMs(records, span)))

export interface ChaosResult {
  readonly scenario: string
  readonly brokers: number
  readonly outcome: string
  /** Null where nothing was read along. */
  readonly longestGapMs: number | null
}

/** Adds a line to the file that CAUDAL_CHAOS_RESULTS names, where it does. */
export function tellResult(result: ChaosResult): void {
  const file = process.env['CAUDAL_CHAOS_RESULTS']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`)
}
