/** One simulated process: the real supervisor, membership, worker and tasks on parked ports. */
import type { CaudalError } from '../../service/errors.ts'
import type { Wire } from '../../service/kafka/wire/wire.ts'
import type { Log } from '../../service/log.ts'
import { localProcess } from '../../service/runtime/local-process.ts'
import type { Prepared } from '../../service/runtime/start-up.ts'
import type { Supervisor } from '../../service/runtime/supervisor.ts'
import { continuousTrigger, intervalTrigger } from '../../service/runtime/trigger.ts'
import type { Clock } from '../../service/clock.ts'
import type { StoreBackend } from '../../service/state/store-backend.ts'
import type { Call } from './connection.ts'
import type { Scenario } from './scenario.ts'
import { everyMs } from './simulated-cluster.ts'
import { SimulatedPorts } from './simulated-ports.ts'

export interface ProcessOptions {
  /** For the trace: its place, and how many had that before. */
  readonly name: string
  readonly place: number
  readonly instanceId: string | null
  readonly prepared: Prepared
  readonly scenario: Scenario
  readonly clock: Clock
  readonly wire: Wire
  readonly lateWire: Wire
  /** Opens what the process takes for its store. */
  readonly backend: (clock: Clock) => StoreBackend
  /** A defect planted between the process and its wire. */
  readonly plantWire: (wire: Wire) => Wire
  readonly log: (name: string) => Log
  /** As of the ports. */
  readonly onGivenUp: (calls: readonly Call[]) => void
}

export const sessionTimeoutMs = 6000

export class SimulatedProcess {
  readonly name: string
  readonly place: number
  readonly instanceId: string | null
  readonly ports: SimulatedPorts
  /** Another process was there, or came, under its instance id: either of the two may have to end. */
  mayBeFenced = false
  /** Asked to stop: it may take too long for that. */
  isStopping = false
  /** How it ended by itself; null while it lives. */
  ended: { readonly error: CaudalError | null } | null = null
  readonly #supervisor: Supervisor

  constructor(options: ProcessOptions) {
    const { scenario, instanceId, prepared } = options
    this.name = options.name
    this.place = options.place
    this.instanceId = instanceId
    this.ports = new SimulatedPorts(options)
    const { clock } = this.ports
    this.#supervisor = localProcess({
      ...prepared,
      clock,
      wire: (worker) => options.plantWire(this.ports.wire(worker)),
      workers: scenario.workers,
      openBackend: (worker) => this.ports.backend(options.backend(clock), worker),
      openTrigger: () => (scenario.trigger === 'interval' ? intervalTrigger(clock, everyMs) : continuousTrigger()),
      instanceId,
      log: options.log(options.name),
      settings: {
        batchRecordsMax: scenario.batchRecordsMax,
        batchBytesMax: 1 << 20,
        readAheadBytesMax: 1 << 20,
        fetchPartitionBytesMax: 1 << 16,
        fetchWaitMs: 500,
        transactionTimeoutMs: scenario.transactionTimeoutMs,
        cacheBytesMax: scenario.cacheBytesMax,
        applyQueueBytesMax: scenario.applyQueueBytesMax,
        compression: 'none',
        strict: true,
      },
      membership: { sessionTimeoutMs, rebalanceTimeoutMs: 10_000, heartbeatIntervalMs: 1500, batchTimeoutMs: 20_000 },
      shutdownTimeoutMs: 5000,
    })
    void this.#supervisor.outcome.then(({ error }) => {
      this.ended = { error: error ?? null }
    })
    void this.#supervisor.start()
  }

  /** How many tasks run here. */
  get running(): number {
    const tasks = this.#supervisor.status().workers.flatMap((worker) => worker.tasks)
    return tasks.filter(({ state }) => state === 'running').length
  }

  status(): unknown {
    return this.#supervisor.status()
  }

  stopGracefully(): void {
    this.isStopping = true
    void this.#supervisor.stop()
  }

  /** kill -9. Returns what was under way to the servers. */
  kill(): readonly Call[] {
    return this.ports.die()
  }
}
