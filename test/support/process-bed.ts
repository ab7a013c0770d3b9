/** Whole processes of caudal in this thread: on an in-memory Kafka, a stand-in for Redis, a wire with faults and a clock moved by hand. */
import assert from 'node:assert/strict'
import { definitionOf } from '../../service/dsl/topology.ts'
import type { Topology } from '../../service/index.ts'
import { Cluster } from '../../service/kafka/cluster.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import type { Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import { bootstrapNode, type Wire } from '../../service/kafka/wire/wire.ts'
import { type Log, type LogFields, silentLog } from '../../service/log.ts'
import type { Metrics } from '../../service/metrics.ts'
import { ManualClock } from '../../service/memory/manual-clock.ts'
import { MemoryKafka, type MemoryKafkaOptions } from '../../service/memory/memory-kafka.ts'
import { localProcess, type LocalProcessParts } from '../../service/runtime/local-process.ts'
import type { Outcome } from '../../service/runtime/running.ts'
import { type Prepared, prepare } from '../../service/runtime/start-up.ts'
import type { Supervisor } from '../../service/runtime/supervisor.ts'
import { continuousTrigger, intervalTrigger } from '../../service/runtime/trigger.ts'
import type { WorkerSettings } from '../../service/runtime/worker-parts.ts'
import { MemoryStoreBackend } from '../../service/state/memory-store.ts'
import { ScriptedStore } from '../../service/state/scripted-store.ts'
import { graphOf } from '../../service/topology/graph.ts'
import { FaultyWire } from './faulty-wire.ts'

export const application = 'app'

export interface BedOptions extends Partial<MemoryKafkaOptions> {
  readonly topology: Topology
  /** Of every topic that the topology names. Default 1. */
  readonly partitions?: number
}

export interface ProcessOptions {
  /** Null: a dynamic member. */
  readonly instanceId: string | null
  readonly store?: 'memory' | 'scripted'
  readonly settings?: Partial<WorkerSettings>
  readonly membership?: Partial<LocalProcessParts['membership']>
  readonly shutdownTimeoutMs?: number
  readonly workers?: number
  readonly metrics?: Metrics
  /** Instead of what the bed was opened with: another version of the topology, prepared. */
  readonly prepared?: Prepared
}

export interface BedRecord {
  readonly key: string
  readonly value: unknown
  readonly partition?: number
}

export interface OpenTransaction {
  readonly writes?: {
    readonly topic: string
    readonly partition?: number
    readonly key: Buffer | string
    readonly value: Buffer | string
  }
  readonly commits?: { readonly topic: string; readonly partition?: number; readonly offset: number }
}

export interface Opened {
  readonly end: (committed: boolean) => Promise<void>
}

const roundsMax = 20_000

export const settings: WorkerSettings = {
  batchRecordsMax: 1000,
  batchBytesMax: 1 << 20,
  readAheadBytesMax: 1 << 20,
  fetchPartitionBytesMax: 1 << 18,
  fetchWaitMs: 50,
  transactionTimeoutMs: 10_000,
  cacheBytesMax: 1 << 20,
  applyQueueBytesMax: 1 << 20,
  compression: 'none',
  strict: true,
}

export const membership = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 10_000, heartbeatIntervalMs: 500, batchTimeoutMs: 20_000 }

/** One process, with what it logged. */
export class BedProcess {
  readonly wire: FaultyWire
  readonly supervisor: Supervisor
  readonly logged: { readonly fields: LogFields; readonly message: string }[] = []
  /** How it ended by itself or was stopped; null while it lives. */
  outcome: Outcome | null = null

  constructor(
    bed: ProcessBed,
    { instanceId, store = 'memory', workers = 1, prepared = bed.prepared, ...options }: ProcessOptions,
  ) {
    const { clock } = bed
    this.wire = new FaultyWire(bed.kafka.wire(instanceId ?? 'dynamic'))
    const note = (fields: LogFields, message: string) => void this.logged.push({ fields, message })
    const log: Log = { ...silentLog, warn: note, error: note }
    this.supervisor = localProcess({
      ...prepared,
      clock,
      wire: this.wire,
      openBackend: () => (store === 'scripted' ? bed.store.backend(clock) : new MemoryStoreBackend()),
      openTrigger: () =>
        prepared.plan.graph.definition.trigger === 'continuous' ? continuousTrigger() : intervalTrigger(clock, 100),
      settings: { ...settings, ...options.settings },
      instanceId,
      membership: { ...membership, ...options.membership },
      shutdownTimeoutMs: options.shutdownTimeoutMs ?? 5000,
      workers,
      log,
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    })
    void this.supervisor.outcome.then((outcome) => {
      this.outcome = outcome
    })
    void this.supervisor.start()
  }

  /** The tasks that run. */
  get running(): readonly string[] {
    const tasks = this.outcome === null ? this.supervisor.status().workers.flatMap((worker) => worker.tasks) : []
    return tasks.filter(({ state }) => state === 'running').map(({ task }) => task)
  }

  /** The message of the fault that ended it. */
  get fault(): string {
    return this.outcome?.error?.message ?? ''
  }
}

export class ProcessBed {
  readonly clock: ManualClock
  readonly kafka: MemoryKafka
  readonly store: ScriptedStore
  readonly prepared: Prepared
  /** Of somebody outside of the application. */
  readonly outside: Wire
  readonly cluster: Cluster
  readonly processes: BedProcess[] = []

  private constructor(clock: ManualClock, kafka: MemoryKafka, prepared: Prepared) {
    this.clock = clock
    this.store = new ScriptedStore(clock)
    this.kafka = kafka
    this.prepared = prepared
    this.outside = kafka.wire('outside')
    this.cluster = new Cluster(this.outside, clock)
  }

  static async open({ topology, partitions = 1, ...options }: BedOptions): Promise<ProcessBed> {
    const clock = new ManualClock(1_000_000)
    const kafka = new MemoryKafka({ clock, ...options })
    for (const node of graphOf(definitionOf(topology)).nodes) {
      for (const { name, role } of node.topics) {
        const isThere = kafka.topics().some((topic) => topic.name === name)
        if (name !== undefined && role !== 'repartition' && !isThere) kafka.createTopic(name, { partitions })
      }
    }
    return new ProcessBed(clock, kafka, await prepareOn(kafka, clock, topology))
  }

  /** What a process is given that runs another version of the topology. */
  prepare(topology: Topology): Promise<Prepared> {
    return prepareOn(this.kafka, this.clock, topology)
  }

  start(options: ProcessOptions): BedProcess {
    const process = new BedProcess(this, options)
    this.processes.push(process)
    return process
  }

  /** Appends records to a topic, each a batch of its own, as JSON. */
  send(topic: string, ...records: readonly BedRecord[]): void {
    for (const { key, value, partition = 0 } of records) {
      const batch = new RecordBatchBuilder(128)
      batch.append(key, JSON.stringify(value), this.clock.now())
      const nobody = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false } as const
      this.kafka.append(topic, partition, batch.finish({ ...nobody, compression: 'none' }))
    }
  }

  /** The committed records of a partition as `key=value`. */
  committed(topic: string, partition = 0): readonly string[] {
    const columns = this.kafka.records(topic, partition, 'committed')
    return Array.from({ length: columns.count }, (_, i) => `${columns.key(i)?.toString()}=${columns.value(i)?.toString()}`)
  }

  /** The group's offset of a partition; undefined where there is none. */
  offset(topic: string, partition = 0): number | undefined {
    return this.kafka.offsets(application).find((found) => found.topic === topic && found.partition === partition)?.offset
  }

  /** Sets an offset of the group as a person would, with a tool, while nobody is in the group. */
  async setOffset(topic: string, partition: number, offset: number, metadata = ''): Promise<void> {
    const partitions = [
      { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: metadata },
    ]
    const body = { groupId: application, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: topic, partitions }] }
    const answer = await this.outside.request(bootstrapNode, 'outside', 'OffsetCommit', body)
    assert.equal(answer.topics[0]?.partitions[0]?.errorCode, errorCode.NONE)
  }

  /** The metadata beside an offset of the group. */
  metadata(topic: string, partition = 0): string {
    return this.kafka.offsets(application).find((found) => found.topic === topic && found.partition === partition)?.metadata ?? ''
  }

  async deleteTopic(name: string): Promise<void> {
    const answer = await this.outside.request(bootstrapNode, 'outside', 'DeleteTopics', { topics: [{ name }], timeoutMs: 1000 })
    assert.equal(answer.responses[0]?.errorCode, errorCode.NONE)
  }

  /** Another topic under the same name. */
  async recreateTopic(name: string, partitions = 1): Promise<void> {
    await this.deleteTopic(name)
    this.kafka.createTopic(name, { partitions })
  }

  /** A transaction of somebody else, under any id: it writes to one partition, and as the group does to another; it is left open. */
  async openTransaction(transactionalId: string, { writes, commits }: OpenTransaction): Promise<Opened> {
    const ask = <A extends Api>(api: A, body: RequestOf<A>) => this.outside.request(bootstrapNode, transactionalId, api, body)
    const { producerId, producerEpoch } = await ask('InitProducerId', { transactionalId, transactionTimeoutMs: 60_000 })
    if (writes !== undefined) {
      const batch = new RecordBatchBuilder(128)
      batch.append(writes.key, writes.value, this.clock.now())
      const identity = { producerId, producerEpoch, firstSequence: 0, transactional: true } as const
      const records = batch.finish({ ...identity, compression: 'none' })
      const topicData = [{ name: writes.topic, partitionData: [{ index: writes.partition ?? 0, records }] }]
      const answer = await ask('Produce', { transactionalId, acks: -1, timeoutMs: 1000, topicData })
      assert.equal(answer.responses[0]?.partitionResponses[0]?.errorCode, errorCode.NONE)
    }
    if (commits !== undefined) {
      const { topic, partition = 0, offset } = commits
      const partitions = [{ partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }]
      const nobody = { groupId: application, generationId: -1, memberId: '' }
      const body = { transactionalId, producerId, producerEpoch, ...nobody, topics: [{ name: topic, partitions }] }
      const answer = await ask('TxnOffsetCommit', body)
      assert.equal(answer.topics[0]?.partitions[0]?.errorCode, errorCode.NONE)
    }
    return {
      end: async (committed) => {
        const answer = await ask('EndTxn', { transactionalId, producerId, producerEpoch, committed })
        assert.equal(answer.errorCode, errorCode.NONE)
      },
    }
  }

  /** Lets everything run that waits for nothing but its turn. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves time from one thing that is due to the next, until the condition holds. @throws Error where it does not within `withinMs` */
  async until(what: string, condition: () => boolean, withinMs = 60_000): Promise<void> {
    const deadline = this.clock.monotonic() + withinMs
    for (let round = 0; round < roundsMax; round++) {
      await this.turn()
      if (condition()) return
      if (this.clock.monotonic() >= deadline) break
      this.clock.advanceMonotonic(Math.min(this.clock.nextDue() ?? 1, deadline - this.clock.monotonic()))
    }
    const processes = this.processes.map(({ supervisor, fault, logged }) => ({
      ...supervisor.status(),
      fault,
      logged: logged.slice(-5),
    }))
    throw new Error(`did not happen in ${withinMs} ms: ${what}\n${JSON.stringify(processes, null, 1)}`)
  }

  /** Moves time until the promise is settled. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    work.then(over, over)
    await this.until('a promise is settled', () => isOver)
    return work
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms
    await this.until('the time has passed', () => this.clock.monotonic() >= end, ms)
  }

  /** Stops a process with grace and waits for it. */
  async stop(process: BedProcess, how: { readonly graceful?: boolean } = {}): Promise<void> {
    void process.supervisor.stop(how)
    await this.until('the process has stopped', () => process.outcome !== null)
  }

  /** Waits until everything that a topic has was committed by the group. */
  async drained(topic: string, partitions = 1): Promise<void> {
    const isDrained = (partition: number) => (this.offset(topic, partition) ?? 0) >= this.kafka.endOffset(topic, partition)
    await this.until(`${topic} is drained`, () => Array.from({ length: partitions }, (_, i) => i).every(isDrained))
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const process of this.processes) if (process.outcome === null) await this.stop(process, { graceful: false })
    this.kafka.close()
  }
}

async function prepareOn(kafka: MemoryKafka, clock: ManualClock, topology: Topology): Promise<Prepared> {
  const wire = kafka.wire('start')
  const parts = { graph: graphOf(definitionOf(topology)), application, wire, clock, log: silentLog }
  return prepare({ ...parts, cluster: new Cluster(wire, clock), startTimeoutMs: 0, replicationFactor: -1 })
}

/** For `until`: so many tasks run, in all processes together. */
export const running = (bed: ProcessBed, count: number) => (): boolean =>
  bed.processes.reduce((sum, process) => sum + process.running.length, 0) === count

/** Opens a bed for one test and closes it afterwards. */
export async function onBed(options: BedOptions, act: (bed: ProcessBed) => Promise<void>): Promise<void> {
  const bed = await ProcessBed.open(options)
  try {
    await act(bed)
  } finally {
    await bed.close()
  }
}
