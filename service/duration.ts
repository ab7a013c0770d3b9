/** Durations as people write them, turned into milliseconds where they are given. */
import { ConfigurationError } from './errors.ts'

const unitsMs = {
  ms: 1,
  s: 1_000,
  second: 1_000,
  seconds: 1_000,
  minute: 60_000,
  minutes: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
} as const
type Unit = keyof typeof unitsMs

/** `'10 seconds'`, `'100 ms'`, or a number of milliseconds. */
export type Duration = number | `${number} ${Unit}`
/** Milliseconds since 1970-01-01T00:00Z. */
export type EpochMs = number

/** Milliseconds of `duration`; `what` names it in the sentence. @throws ConfigurationError where it is not finite or negative. */
export function durationMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (Number.isFinite(ms) && ms >= 0) return ms
  const units = Object.keys(unitsMs).join(', ')
  throw new ConfigurationError([
    `${what} is ${typeof duration === 'string' ? JSON.stringify(duration) : String(duration)}, which is no duration: give a number of milliseconds or a text like '10 seconds' (${units}), finite and not negative.`,
  ])
}

function parse(text: unknown): number {
  const [, amount, unit] = /^(\S+) (\w+)$/.exec(String(text)) ?? []
  if (amount === undefined || unit === undefined || !Object.hasOwn(unitsMs, unit)) return Number.NaN
  const ms = Number(amount) * unitsMs[unit as Unit]
  // What a product of doubles is off by is no fraction of a millisecond: '1.005 seconds' are 1005 ms.
  const whole = Math.round(ms)
  return Math.abs(ms - whole) <= Math.abs(whole) * 2 ** -51 ? whole : ms
}

/** Milliseconds as people write them, in the largest unit of which they are a whole number: `'90 minutes'`. */
export function durationText(ms: number): string {
  const units = ['day', 'hour', 'minute', 'second'] as const
  const unit = ms === 0 ? undefined : units.find((each) => ms % unitsMs[each] === 0)
  if (unit === undefined) return `${ms} ms`
  const amount = ms / unitsMs[unit]
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
