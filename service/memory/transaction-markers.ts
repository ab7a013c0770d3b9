/** Markers on their way to the partitions of ended transactions: at once, some time later, or when a test says so. */
import type { Clock } from '../clock.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Marker } from './stored-batch.ts'
import type { Timers } from './timers.ts'

/** 0: within EndTxn. A number: each within that many milliseconds, on its own. 'manual': by `landNext`. */
export type MarkerDelay = number | 'manual'

export interface MarkersOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly delayMs: MarkerDelay
  /** Called after a marker has been written. */
  readonly landed: (log: PartitionLog, marker: Marker) => void
}

export class TransactionMarkers {
  readonly #options: MarkersOptions
  readonly #waiting: (() => void)[] = []
  #sent = 0

  constructor(options: MarkersOptions) {
    this.#options = options
  }

  /** Sends a marker to each of the logs; `complete` is called when the last one has landed. */
  send(logs: readonly PartitionLog[], marker: Omit<Marker, 'timestamp'>, complete: () => void): void {
    let left = logs.length
    if (left === 0) return complete()
    for (const log of logs) {
      this.#schedule(() => {
        const stamped = { ...marker, timestamp: this.#options.clock.now() }
        log.appendMarker(stamped)
        this.#options.landed(log, stamped)
        left -= 1
        if (left === 0) complete()
      })
    }
  }

  /** Writes the marker that has waited longest; false if none waits. */
  landNext(): boolean {
    const next = this.#waiting.shift()
    next?.()
    return next !== undefined
  }

  #schedule(land: () => void): void {
    const { delayMs, timers, clock } = this.#options
    if (delayMs === 'manual') this.#waiting.push(land)
    else if (delayMs === 0) land()
    else timers.set(`marker ${this.#sent++}`, clock.random() * delayMs, land)
  }
}
