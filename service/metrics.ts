/** The metrics port. Names are in `metricNames`; the prom-client adapter stands in `http/`. */

export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  add(name: CounterName, value: number, labels?: Labels): void
  set(name: GaugeName, value: number, labels?: Labels): void
  /** Seconds or bytes, as the name says. */
  observe(name: HistogramName, value: number, labels?: Labels): void
}

export interface Definition {
  readonly help: string
  readonly labels: readonly string[]
  /** How the figures of several workers become one; default: their sum. */
  readonly aggregator?: 'max'
}

export const counters = {
  caudal_records_in_total: { help: 'Records read from source and repartition topics, committed.', labels: ['topic'] },
  caudal_records_out_total: {
    help: 'Records written to output, repartition and changelog topics, committed.',
    labels: ['topic'],
  },
  caudal_records_skipped_total: { help: 'Records skipped by a policy, by reason.', labels: ['topic', 'reason'] },
  caudal_records_late_total: {
    help: 'Records that came too late: for all of their windows, or for some.',
    labels: ['topic', 'reason'],
  },
  caudal_records_outside_total: { help: 'Records that belong to no session.', labels: ['topic', 'reason'] },
  caudal_records_dead_lettered_total: { help: 'Records sent to the dead letter topic, by reason.', labels: ['topic', 'reason'] },
  caudal_windows_closed_total: { help: 'Windows that closed, each key for itself.', labels: ['store'] },
  caudal_transactions_total: { help: 'Transactions by outcome: committed, aborted, uncertain.', labels: ['outcome'] },
  caudal_retakes_total: { help: 'How often all tasks were taken again, by cause.', labels: ['cause'] },
  caudal_rebalances_total: { help: 'Assignments received.', labels: [] },
  caudal_store_rebuilds_total: { help: 'Stores that were rebuilt from their changelog.', labels: ['store'] },
} as const satisfies Record<string, Definition>

export const gauges = {
  caudal_lag_records: { help: 'Records between the position and the end of the partition.', labels: ['topic', 'partition'] },
  caudal_watermark_held_seconds: {
    help: 'For how long a silent partition that may not be idle (idleAfter: false) has held windows open; 0 when it no longer does.',
    labels: ['topic', 'partition'],
  },
  caudal_window_end_seconds: {
    help: 'The latest end of a window that closed, in seconds since 1970.',
    labels: ['store', 'partition'],
    aggregator: 'max',
  },
  caudal_tasks: { help: 'Tasks by state.', labels: ['state'] },
  caudal_restore_remaining_records: { help: 'Changelog records still to be restored.', labels: ['store', 'partition'] },
  caudal_apply_queue_bytes: { help: 'Bytes committed to Kafka and not yet applied to the store backend.', labels: [] },
  caudal_cache_bytes: { help: 'Estimated bytes of decoded state in memory.', labels: [] },
} as const satisfies Record<string, Definition>

export const histograms = {
  caudal_batch_duration_seconds: { help: 'Time from the cut of a batch to its commit.', labels: [] },
  caudal_batch_part_duration_seconds: { help: 'Parts of a batch: load, run, produce, commit.', labels: ['part'] },
  caudal_apply_duration_seconds: { help: 'Time to apply one chunk to the store backend.', labels: [] },
} as const satisfies Record<string, Definition>

export type CounterName = keyof typeof counters
export type GaugeName = keyof typeof gauges
export type HistogramName = keyof typeof histograms

const nothing = () => {}
export const noMetrics: Metrics = { add: nothing, set: nothing, observe: nothing }
