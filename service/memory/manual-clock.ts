/** A clock moved by hand: sleepers wake when time is moved past them, in order; randomness comes from a seed. */
import type { Clock } from '../clock.ts'
import { seededRandom } from '../seeded-random.ts'

interface Sleeper {
  readonly due: number
  readonly order: number
  readonly wake: () => void
}

export class ManualClock implements Clock {
  #wall: number
  #monotonic = 0
  #order = 0
  readonly #random: () => number
  readonly #sleepers = new Set<Sleeper>()

  /** @param seed any 32-bit integer; equal seeds give equal sequences */
  constructor(now: number, seed = 1) {
    this.#wall = Math.floor(now)
    this.#random = seededRandom(seed)
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper: Sleeper = { due: this.#monotonic + Math.max(0, ms), order: this.#order++, wake }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  random(): number {
    return this.#random()
  }

  id(): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return Array.from({ length: 22 }, () => alphabet[Math.floor(this.random() * 64)]).join('')
  }

  /** The wall clock alone; nobody wakes. */
  setWall(now: number): void {
    this.#wall = Math.floor(now)
  }

  /** Milliseconds until the next sleeper is due; undefined where nobody sleeps. */
  nextDue(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : Math.max(0, next.due - this.#monotonic)
  }

  /** Moves the monotonic clock, and wakes who is due, one after another, with microtasks between left to the caller. */
  advanceMonotonic(ms: number): void {
    const until = this.#monotonic + ms
    for (let next = this.#next(); next !== undefined && next.due <= until; next = this.#next()) {
      this.#monotonic = Math.max(this.#monotonic, next.due)
      next.wake()
    }
    this.#monotonic = until
  }

  #next(): Sleeper | undefined {
    let next: Sleeper | undefined
    for (const sleeper of this.#sleepers) {
      if (next === undefined || sleeper.due < next.due || (sleeper.due === next.due && sleeper.order < next.order)) next = sleeper
    }
    return next
  }
}
