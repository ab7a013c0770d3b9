/** The Grafana dashboards: what they show. Their JSON is made of it by `generate-dashboards.ts`. */

export interface Query {
  readonly expr: string
  readonly legend: string
  /** Nothing is there to be shown as long as all is well, or where the topology has no such part. */
  readonly mayBeEmpty?: true
}

export interface Panel {
  readonly title: string
  /** What it shows, and what it means. */
  readonly description: string
  /** As Grafana names them. */
  readonly unit: 'short' | 's' | 'bytes' | 'cps' | 'ops' | 'percentunit' | 'dateTimeAsIso'
  /** Default: over time. */
  readonly kind?: 'stat' | 'table'
  /** From which values on it is yellow, and red. */
  readonly thresholds?: readonly [number, number]
  readonly isStacked?: true
  readonly queries: readonly Query[]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Dashboard {
  /** Below config/grafana, without `.json`. */
  readonly name: 'overview' | 'state' | 'task'
  readonly title: string
  readonly description: string
  /** Labels to choose by, each of a metric that has it. */
  readonly variables: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
}

const chosen = 'topology=~"$topology"'
const rate = (metric: string, by: string, more = '') => `sum by (${by}) (rate(${metric}{${chosen}${more}}[$__rate_interval]))`
const increase = (metric: string, by: string, more = '') =>
  `sum by (${by}) (increase(${metric}{${chosen}${more}}[$__rate_interval]))`
/** Of a histogram, by further labels. */
const quantile = (q: number, metric: string, by = '', more = '') =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${metric}_bucket{${chosen}${more}}[$__rate_interval])))`
const quantiles = (metric: string, mayBeEmpty?: true): readonly Query[] =>
  [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, metric),
    legend: `p${q * 100}`,
    ...(mayBeEmpty === undefined ? {} : { mayBeEmpty }),
  }))

const atAGlance: Row = {
  title: 'At a glance',
  panels: [
    {
      title: 'Lag',
      description: 'Records between what is processed and the end of the partitions, over all of them.',
      unit: 'short',
      kind: 'stat',
      thresholds: [10_000, 100_000],
      queries: [{ expr: `sum(caudal_lag_records{${chosen}})`, legend: 'records' }],
    },
    {
      title: 'Records in',
      description: 'Records a second that were read from source and repartition topics, and committed.',
      unit: 'cps',
      kind: 'stat',
      queries: [{ expr: `sum(rate(caudal_records_in_total{${chosen}}[$__rate_interval]))`, legend: 'in' }],
    },
    {
      title: 'End-to-end latency, p99',
      description:
        'From the timestamp of a record to the commit of its batch, measured on the first record of each partition and batch.',
      unit: 's',
      kind: 'stat',
      thresholds: [5, 30],
      queries: [{ expr: quantile(0.99, 'caudal_end_to_end_latency_seconds'), legend: 'p99' }],
    },
    {
      title: 'Tasks that run',
      description: 'A task is one part of the topology on one partition. All of them run when nothing is being restored.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: `sum(caudal_tasks{${chosen}, state="running"})`, legend: 'running' }],
    },
    {
      title: 'Tasks being restored',
      description: 'These read their changelogs, or wait for a broker, for Redis or for the transaction of somebody else.',
      unit: 'short',
      kind: 'stat',
      thresholds: [1, 1_000],
      queries: [{ expr: `sum(caudal_tasks{${chosen}, state="restoring"})`, legend: 'restoring' }],
    },
    {
      title: 'Tasks taken again, 1 h',
      description:
        'After an error a worker drops what it has in memory and takes all its tasks again. Some now and then do no harm.',
      unit: 'short',
      kind: 'stat',
      thresholds: [1, 10],
      queries: [{ expr: `sum(increase(caudal_retakes_total{${chosen}}[1h])) or vector(0)`, legend: 'retakes' }],
    },
  ],
}

const throughput: Row = {
  title: 'Throughput and lag',
  panels: [
    {
      title: 'Records in, by topic',
      description: 'Committed records a second.',
      unit: 'cps',
      queries: [{ expr: rate('caudal_records_in_total', 'topic'), legend: '{{topic}}' }],
    },
    {
      title: 'Records out, by topic',
      description: 'Committed records a second: outputs, repartition topics and changelogs.',
      unit: 'cps',
      queries: [{ expr: rate('caudal_records_out_total', 'topic'), legend: '{{topic}}' }],
    },
    {
      title: 'Lag, by topic',
      description: 'Records that wait. A line that rises all the time means that the workers are too slow for the input.',
      unit: 'short',
      queries: [{ expr: `sum by (topic) (caudal_lag_records{${chosen}})`, legend: '{{topic}}' }],
    },
    {
      title: 'Partitions with the most lag',
      description: 'One that stands out has more input than the others, or cannot be read: look at its task.',
      unit: 'short',
      queries: [
        { expr: `topk(10, sum by (topic, partition) (caudal_lag_records{${chosen}}))`, legend: '{{topic}}-{{partition}}' },
      ],
    },
  ],
}

const latency: Row = {
  title: 'Latency',
  panels: [
    {
      title: 'End-to-end latency',
      description:
        'From the timestamp of a record to the commit of its batch, measured on the first record of each partition and batch.',
      unit: 's',
      queries: quantiles('caudal_end_to_end_latency_seconds'),
    },
    {
      title: 'Batch duration',
      description: 'From the cut of a batch to its commit.',
      unit: 's',
      thresholds: [5, 10],
      queries: quantiles('caudal_batch_duration_seconds'),
    },
    {
      title: 'Parts of a batch',
      description:
        'Mean of a batch: cut, decode with the stateless steps, load what is not cached, run, produce, commit. Load that is long points at Redis, produce and commit at Kafka, decode and run at the topology.',
      unit: 's',
      isStacked: true,
      queries: [
        {
          expr: `${rate('caudal_batch_part_duration_seconds_sum', 'part')} / ignoring (part) group_left () sum(rate(caudal_batch_duration_seconds_count{${chosen}}[$__rate_interval]))`,
          legend: '{{part}}',
        },
      ],
    },
    {
      title: 'Time in batches',
      description: 'Seconds of batches a second and process. Near to its number of workers, there is no time left.',
      unit: 'percentunit',
      queries: [{ expr: rate('caudal_batch_duration_seconds_sum', 'instance'), legend: '{{instance}}' }],
    },
  ],
}

const eventTime: Row = {
  title: 'Event time',
  panels: [
    {
      title: 'Watermark lag',
      description:
        'By how much the watermark is behind the clock: of each part of the topology, its most backward task. Windows close no earlier.',
      unit: 's',
      queries: [
        {
          expr: `max by (subtopology) (caudal_watermark_lag_seconds{${chosen}})`,
          legend: 'sub-topology {{subtopology}}',
          mayBeEmpty: true,
        },
      ],
    },
    {
      title: 'Held by a silent partition',
      description: 'A partition that may not be idle (idleAfter: false) is silent and holds windows open.',
      unit: 's',
      thresholds: [60, 600],
      queries: [
        {
          expr: `max by (topic, partition) (caudal_watermark_held_seconds{${chosen}}) > 0`,
          legend: '{{topic}}-{{partition}}',
          mayBeEmpty: true,
        },
      ],
    },
    {
      title: 'Windows closed',
      description: 'Windows a second, each key for itself.',
      unit: 'ops',
      queries: [{ expr: rate('caudal_windows_closed_total', 'store'), legend: '{{store}}', mayBeEmpty: true }],
    },
  ],
}

const trouble: Row = {
  title: 'Errors and rebalances',
  panels: [
    {
      title: 'Records set aside',
      description:
        'Late, outside of any session, skipped, or sent to the dead letter topic, by reason. Reasons that begin with invalid are records that cannot be read.',
      unit: 'cps',
      queries: [
        {
          expr: rate('caudal_records_late_total', 'topic, reason'),
          legend: 'late for {{reason}} windows: {{topic}}',
          mayBeEmpty: true,
        },
        { expr: rate('caudal_records_outside_total', 'topic, reason'), legend: '{{reason}}: {{topic}}', mayBeEmpty: true },
        { expr: rate('caudal_records_deleted_total', 'topic'), legend: 'deleted unread: {{topic}}', mayBeEmpty: true },
        {
          expr: rate('caudal_records_skipped_total', 'topic, reason'),
          legend: 'skipped, {{reason}}: {{topic}}',
          mayBeEmpty: true,
        },
        {
          expr: rate('caudal_records_dead_lettered_total', 'topic, reason'),
          legend: 'dead letter, {{reason}}: {{topic}}',
          mayBeEmpty: true,
        },
      ],
    },
    {
      title: 'Transactions',
      description: 'By outcome. Aborted and uncertain ones cost time, not correctness.',
      unit: 'ops',
      queries: [{ expr: rate('caudal_transactions_total', 'outcome'), legend: '{{outcome}}' }],
    },
    {
      title: 'Tasks taken again, and fencings',
      description: 'By cause. A fencing says that another worker has the same identity, or has taken the tasks over.',
      unit: 'short',
      queries: [
        { expr: increase('caudal_retakes_total', 'cause'), legend: 'taken again: {{cause}}', mayBeEmpty: true },
        { expr: increase('caudal_fencings_total', 'cause'), legend: 'fenced: {{cause}}', mayBeEmpty: true },
      ],
    },
    {
      title: 'Rebalances',
      description: 'Assignments that workers received. Without a change of the group there are none.',
      unit: 'short',
      queries: [{ expr: increase('caudal_rebalances_total', 'instance'), legend: '{{instance}}' }],
    },
  ],
}

const processes: Row = {
  title: 'Processes',
  panels: [
    {
      title: 'Processor',
      description: 'Cores in use.',
      unit: 'short',
      queries: [{ expr: rate('process_cpu_seconds_total', 'instance'), legend: '{{instance}}' }],
    },
    {
      title: 'Memory',
      description: 'Resident bytes of a process: its workers with the decoded state that they keep, and what is fetched ahead.',
      unit: 'bytes',
      queries: [{ expr: `sum by (instance) (process_resident_memory_bytes{${chosen}})`, legend: '{{instance}}' }],
    },
    {
      title: 'Event loop lag of the main thread, p99',
      description: 'The main thread holds the memberships: its heartbeats are late by as much.',
      unit: 's',
      thresholds: [0.5, 2],
      queries: [{ expr: `max by (instance) (nodejs_eventloop_lag_p99_seconds{${chosen}})`, legend: '{{instance}}' }],
    },
  ],
}

const size: Row = {
  title: 'Size and cache',
  panels: [
    {
      title: 'Entries',
      description: 'Entries of each store, those of its open windows included.',
      unit: 'short',
      queries: [{ expr: `sum by (store) (caudal_state_entries{${chosen}, store=~"$store"})`, legend: '{{store}}' }],
    },
    {
      title: 'Partitions with the most entries',
      description: 'One that stands out has keys that are far more frequent than others.',
      unit: 'short',
      queries: [
        {
          expr: `topk(10, sum by (store, partition) (caudal_state_entries{${chosen}, store=~"$store"}))`,
          legend: '{{store}} {{partition}}',
        },
      ],
    },
    {
      title: 'Cache',
      description: 'Estimated bytes of decoded state in memory, and where evicting begins.',
      unit: 'bytes',
      queries: [
        { expr: `sum by (instance) (caudal_cache_bytes{${chosen}})`, legend: '{{instance}}' },
        { expr: `sum by (instance) (caudal_cache_bytes_max{${chosen}})`, legend: '{{instance}}, at most' },
      ],
    },
    {
      title: 'Cache hits',
      description: 'Share of the entries of a batch that were in memory. Keys that come for the first time are no hits.',
      unit: 'percentunit',
      queries: [
        {
          expr: `sum(rate(caudal_cache_lookups_total{${chosen}, result="hit"}[$__rate_interval])) / sum(rate(caudal_cache_lookups_total{${chosen}}[$__rate_interval]))`,
          legend: 'hits',
        },
      ],
    },
    {
      title: 'Changelog records',
      description: 'Changed entries a second: one a key and batch, and one record of progress a batch.',
      unit: 'cps',
      queries: [{ expr: rate('caudal_records_out_total', 'topic', ', topic=~".*-changelog"'), legend: '{{topic}}' }],
    },
  ],
}

const apply: Row = {
  title: 'Apply lag',
  panels: [
    {
      title: 'Time behind',
      description: 'Time since the oldest commit that Redis does not have yet. Nothing is lost meanwhile: the changelog has it.',
      unit: 's',
      thresholds: [5, 30],
      queries: [{ expr: `max by (store) (caudal_apply_lag_seconds{${chosen}, store=~"$store"})`, legend: '{{store}}' }],
    },
    {
      title: 'Bytes behind',
      description: 'Changes that are committed to Kafka and not applied to Redis yet.',
      unit: 'bytes',
      queries: [{ expr: `sum by (store) (caudal_apply_lag_bytes{${chosen}, store=~"$store"})`, legend: '{{store}}' }],
    },
    {
      title: 'Apply queue',
      description: 'Share of the room for changes that are not applied. At 100 % batches wait for Redis.',
      unit: 'percentunit',
      thresholds: [0.5, 0.8],
      queries: [
        {
          expr: `sum by (instance) (caudal_apply_queue_bytes{${chosen}}) / sum by (instance) (caudal_apply_queue_bytes_max{${chosen}})`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Apply duration',
      description: 'Time that Redis takes for one chunk of changes.',
      unit: 's',
      queries: quantiles('caudal_apply_duration_seconds'),
    },
    {
      title: 'Failed applies',
      description: 'Attempts while Redis was away. They are repeated until it is back.',
      unit: 'short',
      queries: [
        { expr: increase('caudal_apply_failures_total', 'store', ', store=~"$store"'), legend: '{{store}}', mayBeEmpty: true },
      ],
    },
  ],
}

const restore: Row = {
  title: 'Restore',
  panels: [
    {
      title: 'Records to restore',
      description: 'Changelog records that are still to be read before the tasks of the store run.',
      unit: 'short',
      queries: [{ expr: `sum by (store) (caudal_restore_remaining_records{${chosen}, store=~"$store"})`, legend: '{{store}}' }],
    },
    {
      title: 'Records restored',
      description: 'Changelog records a second.',
      unit: 'cps',
      queries: [
        { expr: rate('caudal_restored_records_total', 'store', ', store=~"$store"'), legend: '{{store}}', mayBeEmpty: true },
      ],
    },
    {
      title: 'Restore duration',
      description:
        'Time to bring one partition of a store up to the end of its changelog, p95. With Redis there is little to read, unless it was lost.',
      unit: 's',
      queries: [{ expr: quantile(0.95, 'caudal_restore_duration_seconds', 'store', ', store=~"$store"'), legend: '{{store}}' }],
    },
    {
      title: 'Stores built anew',
      description: 'Redis did not fit the changelog: it was flushed, lost or set back.',
      unit: 'short',
      queries: [
        { expr: increase('caudal_store_rebuilds_total', 'store', ', store=~"$store"'), legend: '{{store}}', mayBeEmpty: true },
      ],
    },
  ],
}

const ofTask = `${chosen}, subtopology=~"$subtopology", partition=~"$partition"`
const taskRows: readonly Row[] = [
  {
    title: 'Input',
    panels: [
      {
        title: 'Records in',
        description: 'Committed records a second of each task, which is named by sub-topology and partition.',
        unit: 'cps',
        queries: [
          {
            expr: `sum by (subtopology, partition) (rate(caudal_records_in_total{${ofTask}}[$__rate_interval]))`,
            legend: '{{subtopology}}_{{partition}}',
          },
        ],
      },
      {
        title: 'Lag',
        description: 'Records that wait, by topic.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (subtopology, partition, topic) (caudal_lag_records{${ofTask}})`,
            legend: '{{subtopology}}_{{partition}}: {{topic}}',
          },
        ],
      },
      {
        title: 'Where tasks run',
        description: 'The process that has each task just now, and its lag.',
        unit: 'short',
        kind: 'table',
        queries: [{ expr: `sum by (subtopology, partition, instance) (caudal_lag_records{${ofTask}})`, legend: 'lag' }],
      },
      {
        title: 'End-to-end latency, p95',
        description: 'By sub-topology: of records in a repartition topic since the timestamp that they came in with.',
        unit: 's',
        queries: [
          {
            expr: quantile(0.95, 'caudal_end_to_end_latency_seconds', 'subtopology', ', subtopology=~"$subtopology"'),
            legend: 'sub-topology {{subtopology}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Event time',
    panels: [
      {
        title: 'Watermark lag',
        description: 'By how much the watermark is behind the clock. A line that rises as fast as time passes stands still.',
        unit: 's',
        queries: [
          {
            expr: `max by (subtopology, partition) (caudal_watermark_lag_seconds{${ofTask}})`,
            legend: '{{subtopology}}_{{partition}}',
            mayBeEmpty: true,
          },
        ],
      },
      {
        title: 'Watermarks',
        description: 'The event time that each task takes for complete.',
        unit: 'dateTimeAsIso',
        kind: 'table',
        queries: [
          {
            expr: `max by (subtopology, partition) (caudal_watermark_seconds{${ofTask}}) * 1000`,
            legend: 'watermark',
            mayBeEmpty: true,
          },
        ],
      },
      {
        title: 'Held by a silent partition',
        description: 'The partition may not be idle (idleAfter: false), is silent, and holds windows open.',
        unit: 's',
        thresholds: [60, 600],
        queries: [
          {
            expr: `max by (topic, partition) (caudal_watermark_held_seconds{${chosen}, partition=~"$partition"}) > 0`,
            legend: '{{topic}}-{{partition}}',
            mayBeEmpty: true,
          },
        ],
      },
    ],
  },
  {
    title: 'State',
    panels: [
      {
        title: 'Entries',
        description: 'Of each store on the partitions chosen.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (store, partition) (caudal_state_entries{${chosen}, partition=~"$partition"})`,
            legend: '{{store}} {{partition}}',
          },
        ],
      },
      {
        title: 'Records to restore',
        description: 'Changelog records that are still to be read before the task runs.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (store, partition) (caudal_restore_remaining_records{${chosen}, partition=~"$partition"})`,
            legend: '{{store}} {{partition}}',
          },
        ],
      },
      {
        title: 'Time behind',
        description: 'Time since the oldest commit that Redis does not have yet.',
        unit: 's',
        thresholds: [5, 30],
        queries: [
          {
            expr: `max by (store, partition) (caudal_apply_lag_seconds{${chosen}, partition=~"$partition"})`,
            legend: '{{store}} {{partition}}',
          },
        ],
      },
    ],
  },
]

export const dashboards: readonly Dashboard[] = [
  {
    name: 'overview',
    title: 'caudal: overview',
    description: 'Whether it keeps up, how fast it is, and what went wrong.',
    variables: {},
    rows: [atAGlance, throughput, latency, eventTime, trouble, processes],
  },
  {
    name: 'state',
    title: 'caudal: state',
    description: 'How large the stores are, how far Redis follows, and what is being restored.',
    variables: { store: 'caudal_state_entries' },
    rows: [size, apply, restore],
  },
  {
    name: 'task',
    title: 'caudal: tasks',
    description: 'One task or some of them: input, event time, state.',
    variables: { subtopology: 'caudal_lag_records', partition: 'caudal_lag_records' },
    rows: taskRows,
  },
]
