/** Time from the append of an input record to a reader of committed records that sees its output, at a steady rate. */
import { systemClock } from '../../service/clock.ts'
import { BenchCluster } from './bench-cluster.ts'
import { CaudalProcess } from './caudal-process.ts'
import { produceSteadily, readSteadily } from './paced.ts'
import { loadAverage, percentile } from './statistics.ts'

export interface LatencyResult {
  readonly name: string
  readonly records: number
  /** Milliseconds. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly loadAverage: number
}

export interface LatencyOptions {
  readonly brokers: readonly string[]
  readonly seconds: number
  readonly progress: (line: string) => void
}

export const latencyRate = 5_000
/**
 * Start-up and compilation of code are not measured, ours or the broker's: in the first half minute of a JVM everything takes it several times
 * as long, the bare way included.
 */
const warmUpMs = 40_000

/** Without a topology between: the reader reads what was produced. */
const bare = { name: 'bare produce → fetch', exportName: null, in: 'bare', out: 'bare' }
const triggers = [
  { name: '100 ms batches', exportName: 'every100ms', in: 'every-100-ms-in', out: 'every-100-ms-out' },
  { name: 'continuous', exportName: 'continuous', in: 'continuous-in', out: 'continuous-out' },
]

export async function measureLatency(options: LatencyOptions): Promise<readonly LatencyResult[]> {
  const bench = new BenchCluster(options.brokers)
  const cases = [bare, ...triggers]
  await bench.createTopics([...new Set(cases.flatMap((each) => [each.in, each.out]))])
  const results: LatencyResult[] = []
  for (const each of cases) {
    options.progress(`latency, ${each.name}: ${latencyRate} records/s for ${options.seconds} s, after ${warmUpMs / 1000} s`)
    results.push(await measureOne(bench, each, options))
  }
  await bench.close()
  return results
}

async function measureOne(
  bench: BenchCluster,
  { name, exportName, ...topics }: typeof bare | (typeof triggers)[number],
  { brokers, seconds }: LatencyOptions,
): Promise<LatencyResult> {
  const caudal = exportName === null ? null : new CaudalProcess({ brokers, exportName })
  const stop = new AbortController()
  const { signal } = stop
  const latencies: number[] = []
  const flowing = Promise.withResolvers<void>()
  let measuring = false
  const see = ({ sent, seen }: { readonly sent: number; readonly seen: number }) => {
    flowing.resolve()
    if (measuring) latencies.push(seen - sent)
  }
  const traffic = Promise.all([
    produceSteadily(bench, topics.in, { perSecond: latencyRate, signal }),
    readSteadily(bench, topics.out, { see, signal }),
  ])
  try {
    await Promise.race([flowing.promise, traffic])
    await Promise.race([systemClock.sleep(warmUpMs), traffic])
    measuring = true
    await Promise.race([systemClock.sleep(seconds * 1000), traffic])
    measuring = false
  } finally {
    stop.abort()
    await caudal?.stop()
  }
  await traffic
  const [p50, p95, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.95), percentile(latencies, 0.99)]
  return { name, records: latencies.length, p50, p95, p99, loadAverage: loadAverage() }
}
