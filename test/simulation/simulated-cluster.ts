/** What is outside of the processes: Kafka in memory, the store that outlives them, and what was written to the input. */
import { definitionOf } from '../../service/dsl/topology.ts'
import { parseChangelogRecord } from '../../service/commit/changelog-record.ts'
import { decodeProgress, type ProgressRecord } from '../../service/commit/progress-record.ts'
import { Cluster } from '../../service/kafka/cluster.ts'
import { partitionForKey } from '../../service/kafka/records/murmur2.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import type { Wire } from '../../service/kafka/wire/wire.ts'
import { silentLog } from '../../service/log.ts'
import type { ManualClock } from '../../service/memory/manual-clock.ts'
import { MemoryKafka } from '../../service/memory/memory-kafka.ts'
import { coordinatorPartition, offsetsTopic, transactionsTopic } from '../../service/memory/topics.ts'
import { type Prepared, prepare } from '../../service/runtime/start-up.ts'
import { ScriptedStore } from '../../service/state/scripted-store.ts'
import type { StoreId } from '../../service/state/store-backend.ts'
import { graphOf } from '../../service/topology/graph.ts'
import type { Scenario } from './scenario.ts'
import { simulatedTopologies } from './simulated-topologies.ts'
import type { OutputRecord, SimulatedTopology } from './simulated-topology.ts'

export const application = 'sim'
/** Of the trigger that makes batches at fixed times. */
export const everyMs = 100
/** Of the offsets topic and of the transactions topic. */
const internalPartitions = 5

export interface StorePartition extends StoreId {
  readonly changelog: string
}

export interface PlacedValue {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: unknown
}

export class SimulatedCluster {
  readonly kafka: MemoryKafka
  readonly store: ScriptedStore
  readonly simulated: SimulatedTopology
  readonly prepared: Prepared
  /** Of each key, the number of its last record. */
  readonly last = new Map<string, number>()
  /** What was ever written to the input, by partition and offset. */
  readonly #input = new Map<string, Map<number, OutputRecord>>()
  readonly #transactionalIds = new Set<string>()
  readonly #scenario: Scenario
  readonly #clock: ManualClock
  readonly #wire: Wire

  private constructor(scenario: Scenario, clock: ManualClock, kafka: MemoryKafka, prepared: Prepared) {
    this.#scenario = scenario
    this.#clock = clock
    this.store = new ScriptedStore(clock)
    this.kafka = kafka
    this.prepared = prepared
    this.simulated = simulatedTopologies[scenario.topology]
    this.#wire = kafka.wire('monitor')
  }

  static async open(scenario: Scenario, clock: ManualClock): Promise<SimulatedCluster> {
    const { partitions } = scenario
    const kafka = new MemoryKafka({ ...scenario, clock, internalPartitions })
    const { topology, inputs, outputs } = simulatedTopologies[scenario.topology]
    for (const topic of [...inputs, ...outputs]) kafka.createTopic(topic, { partitions })
    const wire = kafka.wire('start')
    const trigger = scenario.trigger === 'continuous' ? scenario.trigger : { everyMs }
    const parts = { graph: graphOf({ ...definitionOf(topology), trigger }), application, wire, clock, log: silentLog }
    const cluster = new Cluster(wire, clock)
    const prepared = await prepare({ ...parts, cluster, startTimeoutMs: 0, replicationFactor: -1 })
    return new SimulatedCluster(scenario, clock, kafka, prepared)
  }

  /** Appends the next record of a key. */
  append(key: string): void {
    const n = (this.last.get(key) ?? 0) + 1
    const { topic, partition, batch, value } = this.record(key, n)
    const nobody = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false } as const
    const offset = this.kafka.append(topic, partition, batch.finish({ ...nobody, compression: 'none' }))
    this.committed(key, n, { topic, partition, offset, value })
  }

  /** The n-th record of a key, for its partition. */
  record(key: string, n: number) {
    const { topic, value, text = JSON.stringify(value) } = this.simulated.record(key, n)
    const batch = new RecordBatchBuilder()
    batch.append(key, text, this.#clock.now())
    return { topic, partition: partitionForKey(Buffer.from(key), this.#scenario.partitions), batch, value }
  }

  /** The n-th record of a key is there for readers of committed records. */
  committed(key: string, n: number, { topic, partition, offset, value }: PlacedValue): void {
    this.last.set(key, n)
    const place = `${topic}-${partition}`
    const records = this.#input.get(place) ?? new Map<number, OutputRecord>()
    this.#input.set(place, records.set(offset, { key, value }))
  }

  /** Of static processes: those of others are as good as forgotten when these end. */
  get transactionalIds(): readonly string[] {
    return [...this.#transactionalIds]
  }

  noteTransactionalId(id: string): void {
    this.#transactionalIds.add(id)
  }

  /** The partitions on which the transaction of this id is open. */
  async openPartitions(transactionalId: string): Promise<readonly { readonly topic: string; readonly partition: number }[]> {
    const answers = this.kafka.nodes.map((node) =>
      this.#wire.request(node, `describe ${transactionalId}`, 'DescribeTransactions', { transactionalIds: [transactionalId] }),
    )
    const states = (await Promise.all(answers)).flatMap(({ transactionStates }) => transactionStates)
    return states
      .filter(({ transactionState }) => transactionState === 'Ongoing')
      .flatMap(({ topics }) => topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))))
  }

  get isComplete(): boolean {
    const { keys, recordsPerKey } = this.#scenario
    return keys.every((key) => (this.last.get(key) ?? 0) >= recordsPerKey)
  }

  /** Every partition of every topic but the broker's own. */
  partitions(
    topics: readonly string[] = this.kafka.topics().map(({ name }) => name),
  ): readonly { topic: string; partition: number }[] {
    const known = this.kafka.topics().filter(({ name }) => topics.includes(name))
    return known.flatMap(({ name: topic, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    )
  }

  /** What a reader of committed records sees of a partition, as text. */
  readCommitted(topic: string, partition: number): readonly string[] {
    const columns = this.kafka.records(topic, partition, 'committed')
    return Array.from({ length: columns.count }, (_, i) => [columns.offsets[i], columns.key(i), columns.value(i)].join(' '))
  }

  /** Everything that was ever written to an input topic and committed, by partition. */
  inputs(topic: string): readonly (readonly OutputRecord[])[] {
    return this.partitions([topic]).map(({ partition }) =>
      [...(this.#input.get(`${topic}-${partition}`) ?? [])].toSorted(([a], [b]) => a - b).map(([, record]) => record),
    )
  }

  /** Committed records of an output topic, by key. */
  outputs(topic: string): ReadonlyMap<string, readonly OutputRecord[]> {
    const found = new Map<string, OutputRecord[]>()
    for (const { partition } of this.partitions([topic])) {
      const columns = this.kafka.records(topic, partition, 'committed')
      for (let i = 0; i < columns.count; i++) {
        const key = columns.key(i)?.toString() ?? ''
        const records = found.get(key) ?? []
        records.push({ key, value: JSON.parse(columns.value(i)?.toString() ?? 'null') })
        found.set(key, records)
      }
    }
    return found
  }

  /** Every store partition that there is. */
  stores(): readonly StorePartition[] {
    const { plan } = this.prepared
    return plan.internalTopics.flatMap(({ name: changelog, partitions, store }) =>
      store === undefined
        ? []
        : Array.from({ length: partitions }, (_, partition) => ({ application, store, partition, changelog })),
    )
  }

  /** What a store holds, by bucket (hex digits, empty for keyed entries) and key (Latin-1). */
  held(store: StorePartition): ReadonlyMap<string, Buffer> {
    const keyed = [...this.store.entries(store)].map(([key, value]) => [` ${key}`, value] as const)
    const bucketed = [...this.store.bucketEntries(store)].flatMap(([bucket, entries]) =>
      [...entries].map(([key, value]) => [`${bucket} ${key}`, value] as const),
    )
    return new Map([...keyed, ...bucketed])
  }

  /** What the committed changelog says that a store holds, as `held` has it. */
  fold({ changelog, partition }: StorePartition): ReadonlyMap<string, Buffer> {
    const entries = new Map<string, Buffer>()
    const columns = this.kafka.records(changelog, partition, 'committed')
    for (let i = 0; i < columns.count; i++) {
      const write = parseChangelogRecord(columns.key(i), columns.value(i))
      if (write === 'progress') continue
      const name = `${write.bucket?.toString('hex') ?? ''} ${write.key.toString('latin1')}`
      if (write.value === null) entries.delete(name)
      else entries.set(name, write.value)
    }
    return entries
  }

  /** The progress records of a changelog that were committed and are still there. */
  progressRecords(changelog: string, partition: number): readonly ProgressRecord[] {
    const columns = this.kafka.records(changelog, partition, 'committed')
    return Array.from({ length: columns.count }, (_, i) => ({ key: columns.key(i), value: columns.value(i) }))
      .filter(({ key, value }) => parseChangelogRecord(key, value) === 'progress')
      .flatMap(({ value }) => (value === null ? [] : [decodeProgress(value)]))
  }

  /** Partitions that tasks read, where the group has not committed the end. */
  behind(): readonly { readonly topic: string; readonly partition: number; readonly committed: number; readonly end: number }[] {
    const { plan } = this.prepared
    const offsets = new Map(
      this.kafka.offsets(application).map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]),
    )
    return plan.tasks
      .flatMap((task) => plan.taskPartitions(task))
      .map(({ topic, partition }) => ({
        topic,
        partition,
        committed: offsets.get(`${topic}:${partition}`) ?? -1,
        end: this.kafka.endOffset(topic, partition),
      }))
      .filter(({ committed, end }) => committed !== end)
  }

  /** Where the group has committed to; 0 where it has not. */
  committedOffset(topic: string, partition: number): number {
    const offsets = this.kafka.offsets(application)
    return offsets.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0
  }

  /** Leaders that can move: those of all topics, and the coordinators. */
  movable(): readonly { readonly topic: string; readonly partition: number }[] {
    return [...this.partitions(), ...this.coordinators()]
  }

  /** Partitions whose leaders coordinate the group and the transactions. */
  coordinators(): readonly { readonly topic: string; readonly partition: number }[] {
    const ofGroup = { topic: offsetsTopic, partition: coordinatorPartition(application, internalPartitions) }
    const ofTransactions = Array.from({ length: internalPartitions }, (_, partition) => ({ topic: transactionsTopic, partition }))
    return [ofGroup, ofGroup, ...ofTransactions]
  }
}
