/** Starts a topology: checks everything first, then opens the workers and their memberships. */
import { openKafkaWire, openTrigger, workerSettings } from './adapters.ts'
import { systemClock } from './clock.ts'
import { definitionOf } from './dsl/topology.ts'
import { StoppedError } from './errors.ts'
import { PromMetrics } from './http/prom-metrics.ts'
import { Cluster } from './kafka/cluster.ts'
import type { Wire } from './kafka/wire/wire.ts'
import { loadTopology } from './runtime/load-topology.ts'
import { localProcess } from './runtime/local-process.ts'
import { openSeat } from './runtime/open-seat.ts'
import type { RunningSupervisor, StartOptions } from './runtime/running.ts'
import { type Prepared, prepare } from './runtime/start-up.ts'
import { Supervisor } from './runtime/supervisor.ts'
import { threadChannel } from './runtime/worker-channel.ts'
import { MemoryStoreBackend } from './state/memory-store.ts'
import { graphOf } from './topology/graph.ts'
import type { WorkerThreadData } from './worker-main.ts'

const workerEntry = new URL('./worker-main.ts', import.meta.url)
const watchEveryMs = 1000
const metricsEveryMs = 1000
const nothing = () => {}

/** @throws ConfigurationError with every defect; FatalError where no broker was reached in time; StoppedError when given up */
export async function startSupervisor(options: StartOptions): Promise<RunningSupervisor> {
  const { configuration, log, signal, onPhase } = options
  onPhase?.('starts: it loads the topology')
  const openWire = options.wireFactory ?? ((clientId) => openKafkaWire(configuration, clientId, log))
  const topology = await loadTopology(options.topologyUrl, options.exportName)
  const graph = graphOf(definitionOf(topology))
  const application = configuration.applicationId ?? topology.name
  const wire = openWire(configuration.kafka.clientId)
  try {
    const { startTimeoutMs, kafka } = configuration
    const { replicationFactor } = kafka
    const cluster = new Cluster(wire, systemClock)
    const prepared = await prepare({
      graph,
      application,
      cluster,
      clock: systemClock,
      log,
      startTimeoutMs,
      replicationFactor,
      signal,
      onPhase,
    })
    onPhase?.('starts: it opens its workers')
    const supervisor = options.wireFactory ? inThisThread(options, prepared, wire) : inThreads(options, prepared, wire)
    void supervisor.outcome.then(() => wire.close())
    const giveUp = () => void supervisor.stop({ graceful: false })
    signal?.addEventListener('abort', giveUp, { once: true })
    await supervisor.start()
    signal?.removeEventListener('abort', giveUp)
    if (signal?.aborted) throw new StoppedError('the start was given up')
    return supervisor
  } catch (error) {
    await wire.close()
    throw error
  }
}

function membershipOf({ configuration: { kafka, batchTimeoutMs } }: StartOptions) {
  const { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs } = kafka
  return { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs, batchTimeoutMs }
}

/** A thread a worker, each with connections of its own; the memberships stay here (P17). */
function inThreads(options: StartOptions, { plan, topics }: Prepared, wire: Wire): Supervisor {
  const { configuration, topologyUrl, exportName, log, onRows = nothing } = options
  const { instanceId, workers, shutdownTimeoutMs } = configuration
  const given = { topologyUrl: topologyUrl.href, exportName, application: plan.application, configuration, topics }
  const seat = {
    plan,
    instanceId,
    membership: membershipOf(options),
    wire,
    clock: systemClock,
    log,
    onRows,
  }
  return new Supervisor({
    workers,
    clock: systemClock,
    log,
    shutdownTimeoutMs,
    watchEveryMs,
    openSeat: (worker, fail) =>
      openSeat(
        {
          ...seat,
          openChannel: (ids, flags, receive) =>
            threadChannel(workerEntry, { ...given, ids, flags: flags.buffer } satisfies WorkerThreadData, receive),
        },
        worker,
        fail,
      ),
  })
}

/** With a Kafka inside this process there is nothing that another thread could reach. */
function inThisThread(options: StartOptions, prepared: Prepared, wire: Wire): RunningSupervisor & Starting {
  const { configuration, log, onRows = nothing } = options
  const { instanceId, workers, shutdownTimeoutMs } = configuration
  const metrics = new PromMetrics()
  const supervisor = localProcess({
    ...prepared,
    clock: systemClock,
    wire,
    openBackend: () => new MemoryStoreBackend(),
    openTrigger: () => openTrigger(prepared.plan.graph.definition),
    settings: workerSettings(configuration),
    instanceId,
    membership: membershipOf(options),
    shutdownTimeoutMs,
    workers,
    log,
    metrics,
    onRows,
  })
  return withMetrics(supervisor, metrics)
}

/** A thread posts its figures; here they are taken where they are. */
function withMetrics(supervisor: Supervisor, metrics: PromMetrics): RunningSupervisor & Starting {
  let newest: unknown = null
  const ended = new AbortController()
  const refresh = async () => {
    newest = await metrics.snapshot()
  }
  const follow = async () => {
    while (!ended.signal.aborted) {
      await refresh()
      await systemClock.sleep(metricsEveryMs, ended.signal)
    }
  }
  const outcome = supervisor.outcome.then(async (result) => {
    ended.abort()
    await refresh()
    return result
  })
  void follow()
  return {
    start: () => supervisor.start(),
    status: () => supervisor.status(),
    metricsSnapshots: () => (newest === null ? [] : [newest]),
    outcome,
    stop: async (how) => {
      await supervisor.stop(how)
      await outcome
    },
  }
}

interface Starting {
  start(): Promise<void>
}
