/** Tells which source partitions hold windows open, by metric, by log and to the supervisor: those that are silent and may not be idle. */
import type { Clock } from '../clock.ts'
import { partitionKey } from '../kafka/partition-key.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { FromWorker } from './seam.ts'
import type { QuietPartition } from './timekeeper.ts'

/** Shorter silences are in the nature of streams. */
const heldAfterMs = 60_000
const logEveryMs = 600_000

interface Held extends QuietPartition {
  /** Of the wall clock, ms. */
  readonly since: number
  /** Of the monotonic clock, ms. */
  loggedAt: number
}

export class HeldWatermarks {
  readonly #clock: Clock
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #post: (message: FromWorker) => void
  #held: ReadonlyMap<string, Held> = new Map()

  constructor(parts: {
    readonly clock: Clock
    readonly log: Log
    readonly metrics: Metrics
    readonly post: (message: FromWorker) => void
  }) {
    this.#clock = parts.clock
    this.#log = parts.log
    this.#metrics = parts.metrics
    this.#post = parts.post
  }

  /** `quiet`: of all tasks that run, however long they have been so. */
  look(quiet: readonly QuietPartition[]): void {
    const before = this.#held
    const now = this.#clock.monotonic()
    const held = new Map<string, Held>()
    for (const partition of quiet) {
      if (partition.forMs < heldAfterMs) continue
      const key = partitionKey(partition.topic, partition.partition)
      const { since, loggedAt } = before.get(key) ?? {
        since: this.#clock.now() - partition.forMs,
        loggedAt: Number.NEGATIVE_INFINITY,
      }
      held.set(key, { ...partition, since, loggedAt })
    }
    this.#held = held
    for (const [key, partition] of before) if (!held.has(key)) this.#set(partition, 0)
    for (const partition of held.values()) {
      this.#set(partition, partition.forMs)
      if (now - partition.loggedAt >= logEveryMs) this.#warn(partition, now)
    }
    if (held.size !== before.size || [...held.keys()].some((key) => !before.has(key))) this.#tell()
  }

  #set({ topic, partition }: QuietPartition, forMs: number): void {
    this.#metrics.set('caudal_watermark_held_seconds', forMs / 1000, { topic, partition: String(partition) })
  }

  #warn(held: Held, now: number): void {
    held.loggedAt = now
    const { topic, partition, since } = held
    this.#log.warn(
      { topic, partition, since: new Date(since).toISOString() },
      'a silent partition holds windows open, as its source has idleAfter: false: set idleAfter, or send it a record',
    )
  }

  #tell(): void {
    const partitions = [...this.#held.values()].map(({ topic, partition, since }) => ({ topic, partition, since }))
    this.#post({ kind: 'held', partitions })
  }
}
