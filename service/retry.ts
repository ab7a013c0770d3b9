/** Bounded repetition: one attempt after another with a growing, jittered pause, until one is final or the time is up. */
import type { Clock } from './clock.ts'
import { type CaudalError, StoppedError } from './errors.ts'

/** What an attempt returns to be made again; `error` is what the caller sees when the time is up. */
export class Again {
  readonly error: CaudalError
  constructor(error: CaudalError) {
    this.error = error
  }
}

export interface RetryLimits {
  /** No attempt begins later than this after the first one, in milliseconds. */
  readonly withinMs: number
  /** Called before each attempt: a bounded wait counts as progress (P17). */
  readonly progress?: (() => void) | undefined
  /** The first pause; it doubles from one to the next. Default 20. */
  readonly firstPauseMs?: number
  /** The longest pause. Default 500. */
  readonly pauseMsMax?: number
  /** Ends the wait; the call then throws StoppedError. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The pause before attempt number `attempt` (0 is the first repetition), half of it jitter.
 * Clients that lost the same broker at the same moment must not all come back at the same moment.
 */
export function pauseMs(clock: Clock, attempt: number, firstPauseMs = 20, pauseMsMax = 500): number {
  const full = Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(attempt, 16))
  return full * (0.5 + 0.5 * clock.random())
}

/** Repeats `attempt` while it returns Again; throws the last one's error when `withinMs` have passed. Errors pass through. */
export async function retry<T>(clock: Clock, limits: RetryLimits, attempt: () => Promise<T | Again>): Promise<T> {
  const deadline = clock.monotonic() + limits.withinMs
  for (let count = 0; ; count++) {
    limits.progress?.()
    const result = await attempt()
    if (!(result instanceof Again)) return result
    const pause = pauseMs(clock, count, limits.firstPauseMs, limits.pauseMsMax)
    if (clock.monotonic() + pause > deadline) throw result.error
    await clock.sleep(pause, limits.signal)
    if (limits.signal?.aborted) throw new StoppedError('stopped while waiting to ask Kafka again', { cause: result.error })
  }
}
