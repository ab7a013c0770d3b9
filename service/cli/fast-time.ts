/** The time of made-up purchases: it passes faster than the clock, so that whoever looks on sees hours close. */
import type { Clock } from '../clock.ts'

/** Ten minutes pass in a second, an hour in six. */
export const timesAsFast = 600

const dayMs = 24 * 3_600_000
/** It takes more than two hours to catch up with them. */
const daysBack = 60

/** Midnight, two months ago, UTC: ms since 1970. */
export const fastTimeStart = (now: number): number => (Math.floor(now / dayMs) - daysBack) * dayMs

/** Begins at `from`, and never gets ahead of the clock: a topology takes what comes from the future for an error. Ms since 1970. */
export function fastTime(clock: Clock, from: number): () => number {
  const begin = clock.monotonic()
  return () => Math.min(clock.now(), Math.floor(from + (clock.monotonic() - begin) * timesAsFast))
}
