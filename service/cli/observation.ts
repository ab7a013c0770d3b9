/** What the views show: read off the supervisor's status and the workers' metrics, with rates over the last seconds. */
import type { CounterName, GaugeName, Labels } from '../metrics.ts'
import { sentencesOf } from '../http/health.ts'
import type { SupervisorStatus, TaskStatus } from '../runtime/running.ts'

export interface Figures {
  /** Records read from source topics, committed. */
  readonly recordsIn: number
  /** Records written to output topics, committed. */
  readonly recordsOut: number
  readonly lag: number
  /** Committed transactions. */
  readonly batches: number
  readonly closed: readonly ClosedWindows[]
}

/** All windows of a store that have closed. */
export interface ClosedWindows {
  readonly store: string
  /** Each key for itself. */
  readonly windows: number
  /** The latest end of one, ms since 1970. */
  readonly end: number
}

export interface Observation extends Figures {
  /** `Clock.monotonic()`. */
  readonly at: number
  readonly state: SupervisorStatus['state']
  readonly reasons: readonly string[]
  readonly tasks: readonly TaskStatus[]
  readonly inPerSecond: number
  readonly outPerSecond: number
  /** The workers have something to do. */
  readonly busy: boolean
}

/** Topics that the application keeps for itself: changelogs and repartition topics. */
export type IsInternal = (topic: string) => boolean

interface Sample {
  readonly labels: Labels
  readonly value: number
}

function samplesOf(snapshots: readonly unknown[], name: CounterName | GaugeName): Sample[] {
  const metrics = snapshots.flat() as readonly { readonly name: string; readonly values: readonly Sample[] }[]
  return metrics.filter((metric) => metric.name === name).flatMap(({ values }) => values)
}

const sum = (samples: readonly Sample[]) => samples.reduce((total, { value }) => total + value, 0)

/** Adds up the newest metrics of all workers. */
export function figuresOf(snapshots: readonly unknown[], isInternal: IsInternal): Figures {
  const outside = (name: CounterName) => samplesOf(snapshots, name).filter(({ labels }) => !isInternal(labels['topic'] ?? ''))
  const committed = samplesOf(snapshots, 'caudal_transactions_total').filter(({ labels }) => labels['outcome'] === 'committed')
  return {
    recordsIn: sum(outside('caudal_records_in_total')),
    recordsOut: sum(outside('caudal_records_out_total')),
    lag: sum(samplesOf(snapshots, 'caudal_lag_records')),
    batches: sum(committed),
    closed: closedWindows(snapshots),
  }
}

function closedWindows(snapshots: readonly unknown[]): readonly ClosedWindows[] {
  const storeOf = ({ labels }: Sample) => labels['store'] ?? ''
  const ends = Map.groupBy(samplesOf(snapshots, 'caudal_window_end_seconds'), storeOf)
  return [...Map.groupBy(samplesOf(snapshots, 'caudal_windows_closed_total'), storeOf)].map(([store, samples]) => ({
    store,
    windows: sum(samples),
    end: Math.max(...(ends.get(store) ?? []).map(({ value }) => value)) * 1000,
  }))
}

/** Rates are over this much time: metrics arrive once a second, so that less would flicker. */
const rateSpanMs = 5_000

/** Keeps the last seconds, for rates. */
export class Observer {
  readonly #isInternal: IsInternal
  #history: { readonly at: number; readonly figures: Figures }[] = []

  constructor(isInternal: IsInternal) {
    this.#isInternal = isInternal
  }

  observe(status: SupervisorStatus, snapshots: readonly unknown[], at: number): Observation {
    const figures = figuresOf(snapshots, this.#isInternal)
    this.#history = [...this.#history.filter((past) => at - past.at <= rateSpanMs), { at, figures }]
    const { state, reasons, workers } = status
    return {
      ...figures,
      at,
      state,
      reasons: sentencesOf(reasons, 'unready'),
      tasks: workers.flatMap(({ tasks }) => tasks),
      inPerSecond: this.#rate(figures, 'recordsIn', at),
      outPerSecond: this.#rate(figures, 'recordsOut', at),
      busy: workers.some(({ busy }) => busy),
    }
  }

  #rate(now: Figures, name: 'recordsIn' | 'recordsOut', at: number): number {
    const oldest = this.#history[0]
    if (oldest === undefined || at <= oldest.at) return 0
    return Math.max(0, ((now[name] - oldest.figures[name]) * 1000) / (at - oldest.at))
  }
}
