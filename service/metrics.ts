/**
 * The metrics port, and all metrics by name: seconds and bytes, as Prometheus wants them. A label `topology`, the application's id, is added
 * where the page is made. The prom-client adapter stands in `http/`.
 */

export type Labels = Readonly<Record<string, string>>

/** The value of a gauge for one choice of its labels. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Metrics {
  add(name: CounterName, value: number, labels?: Labels): void
  set(name: GaugeName, value: number, labels?: Labels): void
  /** All samples that a gauge has from now on: what left, such as a task that moved, leaves no figure behind. */
  replace(name: GaugeName, samples: readonly Sample[]): void
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
  caudal_records_in_total: {
    help: 'Records read from source and repartition topics, committed.',
    labels: ['topic', 'subtopology', 'partition'],
  },
  caudal_records_out_total: {
    help: 'Records written to output, repartition and changelog topics, committed.',
    labels: ['topic'],
  },
  caudal_records_skipped_total: {
    help: 'Records skipped by a policy, by reason; those that cannot be read have a reason that begins with invalid.',
    labels: ['topic', 'reason'],
  },
  caudal_records_late_total: {
    help: 'Records that came too late: for all of their windows, or for some.',
    labels: ['topic', 'reason'],
  },
  caudal_records_outside_total: { help: 'Records that belong to no session.', labels: ['topic', 'reason'] },
  caudal_records_deleted_total: {
    help: 'Offsets that went unread as their records had been deleted, where the source has onDeleted: earliest.',
    labels: ['topic', 'subtopology', 'partition'],
  },
  caudal_records_dead_lettered_total: {
    help: 'Records sent to the dead letter topic, by reason; those that cannot be read have a reason that begins with invalid.',
    labels: ['topic', 'reason'],
  },
  caudal_windows_closed_total: { help: 'Windows that closed, each key for itself.', labels: ['store'] },
  caudal_transactions_total: { help: 'Transactions by outcome: committed, aborted, uncertain.', labels: ['outcome'] },
  caudal_retakes_total: { help: 'How often all tasks were taken again, by cause.', labels: ['cause'] },
  caudal_fencings_total: {
    help: 'How often a producer or a store was found to be taken over by another worker.',
    labels: ['cause'],
  },
  caudal_rebalances_total: { help: 'Assignments received.', labels: [] },
  caudal_restored_records_total: { help: 'Changelog records read to restore stores.', labels: ['store'] },
  caudal_store_rebuilds_total: {
    help: 'Stores whose backend did not fit the changelog, and that were built anew from it.',
    labels: ['store'],
  },
  caudal_apply_failures_total: {
    help: 'Attempts to apply a chunk of changes that the store backend was away for.',
    labels: ['store'],
  },
  caudal_cache_lookups_total: {
    help: 'Entries that batches used, each once a batch, by result: hit, or miss where the store backend was asked.',
    labels: ['result'],
  },
} as const satisfies Record<string, Definition>

export const gauges = {
  caudal_lag_records: {
    help: 'Records between what is processed and the end of the partition.',
    labels: ['topic', 'subtopology', 'partition'],
  },
  caudal_watermark_seconds: {
    help: 'The event time that a task takes for complete, in seconds since 1970.',
    labels: ['subtopology', 'partition'],
    aggregator: 'max',
  },
  caudal_watermark_lag_seconds: {
    help: 'By how much the watermark of a task is behind the clock.',
    labels: ['subtopology', 'partition'],
    aggregator: 'max',
  },
  caudal_watermark_held_seconds: {
    help: 'For how long a silent partition that may not be idle (idleAfter: false) has held windows open; 0 when it no longer does.',
    labels: ['topic', 'partition'],
  },
  caudal_window_end_seconds: {
    help: 'The latest end of a window that closed, in seconds since 1970.',
    labels: ['store', 'partition'],
    aggregator: 'max',
  },
  caudal_tasks: { help: 'Tasks by state: running, or restoring while they are being taken.', labels: ['state'] },
  caudal_restore_remaining_records: {
    help: 'Changelog records still to be restored; 0 once a store is.',
    labels: ['store', 'partition'],
  },
  caudal_state_entries: { help: 'Entries of a store, those of its open windows included.', labels: ['store', 'partition'] },
  caudal_apply_queue_bytes: { help: 'Bytes reserved for changes that are not applied to the store backend yet.', labels: [] },
  caudal_apply_queue_bytes_max: { help: 'Bytes at which batches wait for the store backend.', labels: [] },
  caudal_apply_lag_bytes: {
    help: 'Bytes committed to Kafka and not applied to the store backend yet.',
    labels: ['store', 'partition'],
  },
  caudal_apply_lag_seconds: {
    help: 'Time since the oldest commit that is not applied to the store backend yet; 0 where all are.',
    labels: ['store', 'partition'],
    aggregator: 'max',
  },
  caudal_cache_bytes: { help: 'Estimated bytes of decoded state in memory.', labels: [] },
  caudal_cache_bytes_max: { help: 'Bytes of decoded state from which on entries are evicted.', labels: [] },
} as const satisfies Record<string, Definition>

export const histograms = {
  caudal_batch_duration_seconds: { help: 'Time from the cut of a batch to its commit.', labels: [] },
  caudal_batch_part_duration_seconds: {
    help: 'Parts of a committed batch: cut, decode with the stateless steps, load, run, produce, commit.',
    labels: ['part'],
  },
  caudal_end_to_end_latency_seconds: {
    help: 'Time from the timestamp of a record to the commit of its batch: of the first record that a batch takes of a partition.',
    labels: ['subtopology'],
  },
  caudal_apply_duration_seconds: { help: 'Time to apply one chunk of changes to the store backend.', labels: [] },
  caudal_restore_duration_seconds: {
    help: 'Time to bring one store partition up to the end of its changelog.',
    labels: ['store'],
  },
} as const satisfies Record<string, Definition>

export type CounterName = keyof typeof counters
export type GaugeName = keyof typeof gauges
export type HistogramName = keyof typeof histograms

const nothing = () => {}
export const noMetrics: Metrics = { add: nothing, set: nothing, replace: nothing, observe: nothing }
