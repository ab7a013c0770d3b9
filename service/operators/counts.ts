/** Records that a task set aside, and windows that it closed: counted in a batch and handed to the metrics once. */
import type { Metrics } from '../metrics.ts'

type Outcome =
  | 'caudal_records_late_total'
  | 'caudal_records_outside_total'
  | 'caudal_records_skipped_total'
  | 'caudal_records_dead_lettered_total'

export class Counts {
  readonly #metrics: Metrics
  readonly #counts = new Map<
    string,
    { readonly outcome: Outcome; readonly topic: string; readonly reason: string; count: number }
  >()

  /** By store: how many windows, and the latest end of one. */
  readonly #closed = new Map<string, { count: number; end: number }>()
  readonly #partition: string

  constructor(metrics: Metrics, partition: number) {
    this.#metrics = metrics
    this.#partition = String(partition)
  }

  /** `end`: the latest of them, ms since 1970. */
  closed(store: string, count: number, end: number): void {
    const known = this.#closed.get(store)
    if (known === undefined) this.#closed.set(store, { count, end })
    else {
      known.count += count
      known.end = Math.max(known.end, end)
    }
  }

  add(outcome: Outcome, topic: string, reason: string): void {
    const key = `${outcome} ${topic} ${reason}`
    const known = this.#counts.get(key)
    if (known !== undefined) known.count += 1
    else this.#counts.set(key, { outcome, topic, reason, count: 1 })
  }

  flush(): void {
    for (const { outcome, topic, reason, count } of this.#counts.values()) this.#metrics.add(outcome, count, { topic, reason })
    this.#counts.clear()
    for (const [store, { count, end }] of this.#closed) {
      this.#metrics.add('caudal_windows_closed_total', count, { store })
      this.#metrics.set('caudal_window_end_seconds', end / 1000, { store, partition: this.#partition })
    }
    this.#closed.clear()
  }
}
