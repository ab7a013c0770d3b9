/** The metrics port on prom-client: the tables of `metrics.ts` as a registry, and registries of many threads as one page. */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import {
  type CounterName,
  counters,
  type Definition,
  type GaugeName,
  gauges,
  type HistogramName,
  histograms,
  type Labels,
  type Metrics,
  type Sample,
} from '../metrics.ts'

/** Seconds: from a batch of a few records to one that is about to be given up. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Gauges of prom-client's that are named like counters. What they say is the sum of others, which stay. */
const misnamed = new Set(['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'])

const entries = <Name extends string, Definition>(table: Readonly<Record<Name, Definition>>) =>
  Object.entries(table) as [Name, Definition][]

/** One a thread. Adding and setting are synchronous and cheap; `snapshot` is what crosses to the main thread. */
export class PromMetrics implements Metrics {
  readonly #registry = new Registry()
  readonly #counters = new Map<CounterName, Counter>()
  readonly #gauges = new Map<GaugeName, Gauge>()
  readonly #histograms = new Map<HistogramName, Histogram>()

  constructor() {
    const registers = [this.#registry]
    for (const [name, { help, labels }] of entries(counters))
      this.#counters.set(name, new Counter({ name, help, labelNames: [...labels], registers }))
    for (const [name, { help, labels, aggregator = 'sum' }] of entries<GaugeName, Definition>(gauges))
      this.#gauges.set(name, new Gauge({ name, help, labelNames: [...labels], registers, aggregator }))
    for (const [name, { help, labels }] of entries(histograms))
      this.#histograms.set(name, new Histogram({ name, help, labelNames: [...labels], registers, buckets: durationBuckets }))
  }

  add(name: CounterName, value: number, labels: Labels = {}): void {
    this.#counters.get(name)?.inc(labels, value)
  }

  set(name: GaugeName, value: number, labels: Labels = {}): void {
    this.#gauges.get(name)?.set(labels, value)
  }

  replace(name: GaugeName, samples: readonly Sample[]): void {
    const gauge = this.#gauges.get(name)
    gauge?.reset()
    for (const { labels, value } of samples) gauge?.set(labels, value)
  }

  observe(name: HistogramName, value: number, labels: Labels = {}): void {
    this.#histograms.get(name)?.observe(labels, value)
  }

  /** Plain data of every metric, for `metricsPage`. */
  snapshot(): Promise<readonly unknown[]> {
    return this.#registry.getMetricsAsJSON()
  }
}

/** Figures of the process itself: CPU, memory, event loop. In the main thread only; they are of the process, not of a thread. */
export function processMetrics(): { snapshot(): Promise<readonly unknown[]> } {
  const register = new Registry()
  // The default of 10 ms would wake an idle process for nothing else.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 })
  return { snapshot: async () => (await register.getMetricsAsJSON()).filter(({ name }) => !misnamed.has(name)) }
}

export interface MetricsPage {
  readonly contentType: string
  readonly text: string
}

/** Snapshots of all threads, added up, in Prometheus' text format; every sample is labelled with the topology, by its application's id. */
export async function metricsPage(snapshots: readonly unknown[], topology: string): Promise<MetricsPage> {
  const registry = AggregatorRegistry.aggregate(snapshots as object[])
  registry.setDefaultLabels({ topology })
  return { contentType: registry.contentType, text: await registry.metrics() }
}
