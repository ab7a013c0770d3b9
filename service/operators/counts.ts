/** Records that a task skipped or sent to the dead letter topic, counted in a batch and handed to the metrics once. */
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

  constructor(metrics: Metrics) {
    this.#metrics = metrics
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
  }
}
