/** The processes of a test driver: each with its own wire, a static identity, and a gate that lets it run one batch at a time. */
import type { RegistryAddress } from '../codec/prepared.ts'
import { FatalError } from '../errors.ts'
import { silentLog } from '../log.ts'
import type { ManualClock } from '../memory/manual-clock.ts'
import type { MemoryKafka } from '../memory/memory-kafka.ts'
import { MemoryStoreBackend } from '../state/memory-store.ts'
import type { Plan } from '../topology/plan.ts'
import { Gate } from './gate.ts'
import { localProcess } from './local-process.ts'
import { SentOrder } from './sent-order.ts'
import type { Prepared } from './start-up.ts'
import type { Supervisor } from './supervisor.ts'

export interface DriverWorld extends Prepared {
  readonly kafka: MemoryKafka
  readonly clock: ManualClock
  readonly workers: number
  readonly batchRecordsMax: number
  readonly registry: RegistryAddress | null
}

interface DriverProcess {
  readonly supervisor: Supervisor
  readonly gate: Gate
}

/** The longest session that a broker takes; time moves in steps of a heartbeat at most. */
const sessionTimeoutMs = 30 * 60_000
const roundsMax = 10_000
const fetchWaitMs = 10
const stepMs = 1000

export class DriverProcesses {
  readonly plan: Plan
  readonly sent = new SentOrder()
  readonly #world: DriverWorld
  readonly #processes: DriverProcess[] = []
  /** What is under way outside of this process, by clocks that nobody moves by hand. */
  readonly #outside = new Set<Promise<void>>()

  constructor(world: DriverWorld) {
    this.plan = world.plan
    this.#world = world
  }

  async start(): Promise<void> {
    for (let worker = 0; worker < this.#world.workers; worker++) this.#processes.push(this.#open(worker))
    await this.settle()
  }

  /** Every worker runs one batch. */
  async batch(): Promise<void> {
    await this.settle()
    // A long poll that was sent before a partition was added, or records were, has come to its end by then.
    await this.pass(fetchWaitMs)
    for (const { gate } of this.#processes) gate.open()
    await this.settle()
  }

  /** Moves the monotonic clock, by steps in which nobody's session ends. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#world.clock.advanceMonotonic(Math.min(left, stepMs))
      await this.settle()
    }
  }

  /** True where a partition that a task reads has records, or a moved end, that no batch has taken. */
  hasInput(): boolean {
    const { kafka, plan } = this.#world
    const committed = new Map(
      kafka.offsets(plan.application).map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]),
    )
    return plan.tasks
      .flatMap((task) => plan.taskPartitions(task))
      .some(({ topic, partition }) => (committed.get(`${topic}:${partition}`) ?? 0) < kafka.lastStableOffset(topic, partition))
  }

  /** Lets everything that is under way come to rest: every task runs, every worker waits at its gate. */
  async settle(): Promise<void> {
    const { clock } = this.#world
    for (let round = 0; round < roundsMax; round++) {
      await Promise.allSettled(this.#outside)
      await new Promise<void>((resolve) => setImmediate(resolve))
      await this.#raiseFaults()
      if (this.#settled()) return
      clock.advanceMonotonic(clock.nextDue() ?? 1)
    }
    throw new FatalError(
      `the driver did not come to rest: ${JSON.stringify(this.#processes.map(({ supervisor }) => supervisor.status()))}`,
    )
  }

  /** The sources have come to their end: runs batches until nothing is left that could come of it. */
  async finish(batch: () => Promise<void>): Promise<void> {
    for (const { supervisor } of this.#processes) supervisor.endOfSources()
    for (let before = ''; before !== this.#committed(); ) {
      before = this.#committed()
      await batch()
    }
  }

  /** Changes with every commit. */
  #committed(): string {
    return JSON.stringify(this.#world.kafka.offsets(this.plan.application))
  }

  async crash(worker?: number): Promise<void> {
    for (const [index, process] of this.#processes.entries()) {
      if (worker !== undefined && worker !== index) continue
      await this.#untilDone(process.supervisor.stop({ graceful: false }))
      this.#processes[index] = this.#open(index)
    }
    await this.settle()
  }

  async stop(): Promise<void> {
    for (const { supervisor } of this.#processes.splice(0)) await this.#untilDone(supervisor.stop({ graceful: false }))
  }

  #settled(): boolean {
    const tasks = this.#processes.flatMap(({ supervisor }) => supervisor.status().workers.flatMap(({ tasks }) => tasks))
    return (
      tasks.length === this.plan.tasks.length &&
      tasks.every(({ state }) => state === 'running') &&
      this.#processes.every(({ gate }) => gate.waiting)
    )
  }

  async #raiseFaults(): Promise<void> {
    for (const { supervisor } of this.#processes) {
      if (supervisor.state !== 'failed') continue
      const { error } = await supervisor.outcome
      throw error ?? new FatalError('a worker failed without a word')
    }
  }

  /** Moves time while something that sleeps comes to its end. */
  async #untilDone(done: Promise<unknown>): Promise<void> {
    const { clock } = this.#world
    let over = false
    const end = () => {
      over = true
    }
    void done.then(end, end)
    for (let round = 0; !over && round < roundsMax; round++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (!over) clock.advanceMonotonic(clock.nextDue() ?? 1)
    }
    await done
  }

  #awaitOutside(work: Promise<void>): void {
    const over = () => this.#outside.delete(work)
    this.#outside.add(work)
    work.then(over, over)
  }

  #open(worker: number): DriverProcess {
    const { plan, topics, tables, kafka, clock, batchRecordsMax, registry } = this.#world
    const gate = new Gate()
    const supervisor = localProcess({
      plan,
      topics,
      tables,
      clock,
      wire: kafka.wire(`driver-${worker}`),
      openBackend: () => new MemoryStoreBackend(),
      openTrigger: () => gate,
      instanceId: `driver-${worker}`,
      cut: this.sent.cutter(),
      registry,
      outside: (work) => this.#awaitOutside(work),
      log: silentLog,
      settings: {
        batchRecordsMax,
        batchBytesMax: 1 << 30,
        readAheadBytesMax: 1 << 30,
        fetchPartitionBytesMax: 1 << 20,
        fetchWaitMs,
        transactionTimeoutMs: 60_000,
        cacheBytesMax: 1 << 28,
        applyQueueBytesMax: 1 << 28,
        compression: 'none',
        strict: true,
      },
      membership: {
        sessionTimeoutMs,
        rebalanceTimeoutMs: 60_000,
        heartbeatIntervalMs: 10,
        batchTimeoutMs: sessionTimeoutMs,
      },
      shutdownTimeoutMs: 1000,
    })
    void supervisor.start()
    return { supervisor, gate }
  }
}
