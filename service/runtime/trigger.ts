/** When the next batch is cut, once nothing is left over from the last. */
import type { Clock } from '../clock.ts'

export interface Trigger {
  /**
   * Resolves when a batch may be cut, or when `signal` is aborted. `arrival` resolves when there is something new to read. `leftover`
   * says that the last cut left records behind.
   */
  wait(options: {
    readonly leftover: boolean
    readonly arrival: (signal: AbortSignal) => Promise<void>
    readonly signal: AbortSignal
  }): Promise<void>
}

/** Micro-batches at fixed times of the monotonic clock; a batch that took longer than the interval is followed at once. */
export function intervalTrigger(clock: Clock, everyMs: number): Trigger {
  let due = clock.monotonic() + everyMs
  return {
    async wait({ leftover, signal }) {
      const now = clock.monotonic()
      if (!leftover && due > now) await clock.sleep(due - now, signal)
      const after = clock.monotonic()
      if (after >= due) due += everyMs * (1 + Math.floor((after - due) / everyMs))
    },
  }
}

/** A batch as soon as there is something to read. */
export function continuousTrigger(): Trigger {
  return {
    async wait({ leftover, arrival, signal }) {
      if (!leftover) await arrival(signal)
    },
  }
}
