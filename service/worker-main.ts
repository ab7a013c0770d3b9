/** The entry of a worker thread, and its composition root. */
import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { openBackend, openKafkaWire, openTrigger, workerSettings } from './adapters.ts'
import { cut } from './batch/cutting.ts'
import { systemClock } from './clock.ts'
import type { Configuration } from './config.ts'
import { definitionOf } from './dsl/topology.ts'
import { PromMetrics } from './http/prom-metrics.ts'
import { pinoLog } from './pino-log.ts'
import { loadTopology } from './runtime/load-topology.ts'
import { loadTables } from './runtime/static-tables.ts'
import { type FromWorker, SharedFlags, type ToWorker } from './runtime/seam.ts'
import type { TopicFact } from './runtime/topic-facts.ts'
import { Worker } from './runtime/worker.ts'
import { fault, runToEnd } from './runtime/worker-channel.ts'
import type { WorkerIds } from './runtime/worker-parts.ts'
import { graphOf } from './topology/graph.ts'
import { planOf } from './topology/plan.ts'

/** What the supervisor gives a thread: plain values. */
export interface WorkerThreadData {
  readonly topologyUrl: string
  readonly exportName: string
  readonly application: string
  readonly configuration: Configuration
  readonly ids: WorkerIds
  readonly topics: ReadonlyMap<string, TopicFact>
  readonly flags: SharedArrayBuffer
}

const metricsEveryMs = 1000

async function open(data: WorkerThreadData, post: (message: FromWorker) => void) {
  const { configuration, ids, topics } = data
  const log = pinoLog({
    level: configuration.logLevel,
    file: configuration.logFile,
    fields: { worker: ids.worker, application: data.application },
  })
  const topology = await loadTopology(new URL(data.topologyUrl), data.exportName)
  const graph = graphOf(definitionOf(topology))
  const plan = planOf(graph, data.application, new Map([...topics].map(([name, { partitions }]) => [name, partitions])))
  const tables = await loadTables(graph)
  const wire = openKafkaWire(configuration, `${configuration.kafka.clientId}-${ids.worker}`, log)
  const backend = await openBackend(configuration, log)
  const metrics = new PromMetrics()
  const worker = new Worker({
    plan,
    ids,
    settings: workerSettings(configuration),
    topics,
    tables,
    wire,
    backend,
    clock: systemClock,
    log,
    metrics,
    flags: new SharedFlags(data.flags),
    trigger: openTrigger(graph.definition),
    cut,
    post,
  })
  return { worker, metrics, close: () => Promise.all([wire.close(), backend.close()]) }
}

/** Every second, whatever the loop waits for. */
async function reportMetrics(
  { worker, metrics }: { readonly worker: Worker; readonly metrics: PromMetrics },
  post: (message: FromWorker) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    worker.report()
    post({ kind: 'metrics', snapshot: await metrics.snapshot() })
    await systemClock.sleep(metricsEveryMs, signal)
  }
}

if (parentPort !== null) {
  const port = parentPort
  const post = (message: FromWorker) => port.postMessage(message)
  const mail: ToWorker[] = []
  let deliver = (message: ToWorker): void => void mail.push(message)
  port.on('message', (message: ToWorker) => deliver(message))
  try {
    const { worker, metrics, close } = await open(workerData as WorkerThreadData, post)
    // The next start finds its code compiled, even if this process is killed.
    flushCompileCache()
    deliver = (message) => worker.deliver(message)
    for (const message of mail.splice(0)) worker.deliver(message)
    const ended = new AbortController()
    void reportMetrics({ worker, metrics }, post, ended.signal)
    await runToEnd(worker, post)
    ended.abort()
    post({ kind: 'metrics', snapshot: await metrics.snapshot() })
    await close()
  } catch (error) {
    post(fault(error))
  }
  port.close()
}
