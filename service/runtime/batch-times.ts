/** How long the parts of one batch take. */
import type { Clock } from '../clock.ts'
import type { Metrics } from '../metrics.ts'

export type BatchPart = 'cut' | 'decode' | 'load' | 'run' | 'produce' | 'commit'

/** A stop-watch that is read some times a batch, never for a record. */
export class BatchTimes {
  readonly #clock: Clock
  readonly #begin: number
  /** Monotonic: where the part before ended. */
  #at: number
  readonly #partsMs = new Map<BatchPart, number>()

  /** The batch begins. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#begin = clock.monotonic()
    this.#at = this.#begin
  }

  /** All that was done since the part before belongs to this one; one that comes several times is added up. */
  end(part: BatchPart): void {
    const now = this.#clock.monotonic()
    this.#partsMs.set(part, (this.#partsMs.get(part) ?? 0) + now - this.#at)
    this.#at = now
  }

  /** The batch was committed, with its last part. */
  observe(metrics: Metrics): void {
    metrics.observe('caudal_batch_duration_seconds', (this.#at - this.#begin) / 1000)
    for (const [part, ms] of this.#partsMs) metrics.observe('caudal_batch_part_duration_seconds', ms / 1000, { part })
  }
}
