/** How long no committed output was to be seen: what a fault costs those who wait for results. */
import { appendFileSync } from 'node:fs'
import type { SeenRecord } from './checker/history.ts'

export interface Span {
  /** ms since 1970. */
  readonly fromMs: number
  readonly toMs: number
}

/** The longest time without a record that began within the span, or went on when it began; it may last beyond its end. */
export function longestGapMs(seen: readonly SeenRecord[], { fromMs, toMs }: Span): number {
  const times = seen.map(({ atMs }) => atMs).filter((atMs) => atMs >= fromMs)
  let [last, longest] = [seen.findLast(({ atMs }) => atMs < fromMs)?.atMs ?? fromMs, 0]
  for (const atMs of [...times, toMs]) {
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
