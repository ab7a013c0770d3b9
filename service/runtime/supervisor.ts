/** Holds the memberships of all workers of a process, in a thread that no batch ever blocks (P17); starts, watches and stops them. */
import type { Clock } from '../clock.ts'
import { type CaudalError, FatalError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Outcome, SupervisorState, SupervisorStatus } from './running.ts'
import type { Seat } from './seat.ts'

export interface SupervisorParts {
  /** Opens one seat; `fail` ends the process in a fault. */
  readonly openSeat: (worker: number, fail: (error: CaudalError, exitCode: 1 | 2) => void) => Seat
  readonly workers: number
  readonly clock: Clock
  readonly log: Log
  readonly shutdownTimeoutMs: number
  readonly watchEveryMs: number
}

/** The workers' share of `shutdownTimeoutMs`: the rest is for leaving the group. */
const workersShare = 0.8

/**
 * ```
 * starting ──> running ──> stopping ──> stopped
 *     └───────────┴───────────┴───────> failed
 * ```
 */
export class Supervisor {
  readonly #parts: SupervisorParts
  readonly #seats: readonly Seat[]
  readonly #outcome = Promise.withResolvers<Outcome>()
  readonly #watching = new AbortController()
  #state: SupervisorState = 'starting'
  #since: number
  #fault: { readonly error: CaudalError; readonly exitCode: 1 | 2 } | null = null

  constructor(parts: SupervisorParts) {
    this.#parts = parts
    this.#since = parts.clock.now()
    this.#seats = Array.from({ length: parts.workers }, (_, worker) =>
      parts.openSeat(worker, (error, exitCode) => void this.#fail(error, exitCode)),
    )
  }

  get state(): SupervisorState {
    return this.#state
  }

  /** Resolves, and never rejects, when everything has ended. */
  get outcome(): Promise<Outcome> {
    return this.#outcome.promise
  }

  status(): SupervisorStatus {
    const workers = this.#seats.map((seat) => seat.status())
    const reasons = this.#isOver ? [] : this.#seats.flatMap((seat) => seat.reasons())
    return { state: this.#state, since: this.#since, workers, reasons }
  }

  get #isOver(): boolean {
    return this.#state === 'stopped' || this.#state === 'failed'
  }

  metricsSnapshots(): readonly unknown[] {
    return this.#seats.flatMap(({ metrics }) => (metrics === null ? [] : [metrics]))
  }

  /** Resolves when every worker is ready and joins. */
  async start(): Promise<void> {
    void this.#watch()
    await Promise.race([Promise.all(this.#seats.map((seat) => seat.start())), this.#outcome.promise])
    if (this.#state === 'starting') this.#enter('running')
  }

  /** Graceful: batches are finished, the backend is brought up to date, the group is left; past the time-out, or if not graceful, at once. */
  async stop({ graceful = true }: { readonly graceful?: boolean } = {}): Promise<void> {
    if (this.#isOver) return
    if (this.#state !== 'stopping') {
      this.#enter('stopping')
      const stopped = graceful ? await this.#stopSeats() : false
      await Promise.all(this.#seats.map((seat) => seat.terminate()))
      if (graceful && !stopped) {
        const error = new FatalError(
          `the workers did not stop within ${this.#parts.shutdownTimeoutMs} ms (shutdownTimeoutMs): they were ended`,
        )
        this.#fault ??= { error, exitCode: 1 }
      }
      this.#end()
    }
    await this.#outcome.promise
  }

  /** The sources have come to their end: event time goes to its own, so that all windows close. */
  endOfSources(): void {
    for (const seat of this.#seats) seat.endOfSources()
  }

  async #stopSeats(): Promise<boolean> {
    const { clock, shutdownTimeoutMs } = this.#parts
    const within = new AbortController()
    const all = Promise.all(this.#seats.map((seat) => seat.stop(workersShare * shutdownTimeoutMs))).then(() => true)
    const stopped = await Promise.race([all, clock.sleep(shutdownTimeoutMs, within.signal).then(() => false)])
    within.abort()
    return stopped
  }

  /** A fault of one worker ends all of them: nothing is respawned inside (P17). */
  async #fail(error: CaudalError, exitCode: 1 | 2): Promise<void> {
    if (this.#fault !== null) return
    this.#fault = { error, exitCode }
    if (this.#state === 'stopping') return
    this.#enter('stopping')
    await this.#stopSeats()
    await Promise.all(this.#seats.map((seat) => seat.terminate()))
    this.#end()
  }

  #enter(state: SupervisorState): void {
    this.#state = state
    this.#since = this.#parts.clock.now()
  }

  #end(): void {
    this.#watching.abort()
    this.#enter(this.#fault === null ? 'stopped' : 'failed')
    this.#outcome.resolve(this.#fault ?? { exitCode: 0 })
  }

  async #watch(): Promise<void> {
    const { clock, watchEveryMs } = this.#parts
    const { signal } = this.#watching
    while (!signal.aborted) {
      for (const seat of this.#seats) seat.watch()
      await clock.sleep(watchEveryMs, signal)
    }
  }
}
