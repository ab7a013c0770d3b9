/** Time, randomness and ids: the only file of the service that touches the process' own. Everything else is given a Clock. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Wall clock, whole milliseconds since 1970-01-01T00:00Z. */
  now(): number
  /** Milliseconds from an arbitrary origin; never goes back. For intervals and deadlines. */
  monotonic(): number
  /** Resolves after `ms`, or at once when `signal` is aborted; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Uniform in [0, 1). */
  random(): number
  /** A new id: 22 characters of base64url. */
  id(): string
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : {})
    } catch (ignored) {
      // Only an abort rejects here, and an aborted sleep is one that ends early.
    }
  },
  random: () => Math.random(),
  id: () => randomBytes(16).toString('base64url'),
}
