/** Runs a topology on an in-memory Kafka and a clock moved by hand: the real worker and tasks, batch by batch (caudal/testing). */
import type { Decoder, Encoder } from '../codec/codec.ts'
import { type Preparation, preparedIn } from '../codec/prepared.ts'
import { parseChangelogRecord } from '../commit/changelog-record.ts'
import { definitionOf, type Topology } from '../dsl/topology.ts'
import { type Duration, durationMs } from '../duration.ts'
import { FatalError } from '../errors.ts'
import { Cluster } from '../kafka/cluster.ts'
import { partitionForKey } from '../kafka/records/murmur2.ts'
import { outsideTransactions, RecordBatchBuilder } from '../kafka/records/record-batch-builder.ts'
import { silentLog } from '../log.ts'
import { ManualClock } from '../memory/manual-clock.ts'
import { MemoryKafka } from '../memory/memory-kafka.ts'
import type { OpenWindow } from '../operators/open-rows.ts'
import { openWindowsIn, type WindowEntry } from '../operators/open-windows.ts'
import { type Graph, graphOf } from '../topology/graph.ts'
import { bucketTime } from '../state/bucket-bytes.ts'
import type { SinkNode, SourceNode, StoreSpec } from '../topology/node.ts'
import { requiredTopics } from '../topology/plan.ts'
import { DriverProcesses } from './driver-processes.ts'
import { prepare } from './start-up.ts'
import type { BytesToSend, ReadRecord, RecordToSend, TestDriver, TestDriverOptions } from './test-driver.ts'

/** Starts a driver. The default interval of a `continuous` topology is 100 ms. */
export async function testDriver(topology: Topology, options: TestDriverOptions = {}): Promise<TestDriver> {
  return (await driverWith(topology, options)).driver
}

/** A driver, and the Kafka that it runs on. */
export async function driverWith(
  topology: Topology,
  options: TestDriverOptions,
): Promise<{ readonly driver: TestDriver; readonly kafka: MemoryKafka }> {
  const graph = graphOf(definitionOf(topology))
  const clock = new ManualClock(options.now ?? 0, options.seed)
  const kafka = new MemoryKafka({ clock })
  const partitions = options.partitions ?? 1
  for (const topic of requiredTopics(graph))
    kafka.createTopic(topic, { partitions, configs: { 'message.timestamp.after.max.ms': anyTime } })
  const cluster = new Cluster(kafka.wire('driver'), clock)
  const prepared = await prepare({
    graph,
    application: topology.name,
    cluster,
    clock,
    log: silentLog,
    startTimeoutMs: 0,
    replicationFactor: -1,
  })
  const url = options.schemaRegistryUrl
  const registry = url === undefined ? null : { url, username: null, password: null }
  const processes = new DriverProcesses({
    ...prepared,
    kafka,
    clock,
    workers: options.workers ?? 1,
    batchRecordsMax: options.batchRecordsMax ?? 1_000_000,
    registry,
  })
  await prepareSending(graph, { now: clock.monotonic(), registry })
  await processes.start()
  return { driver: new Driver(graph, processes, { clock, kafka, clockFollows: options.now === undefined }), kafka }
}

/** `send` encodes with the codecs of sources. What fails here is told by `send`: a test may give bytes instead. */
async function prepareSending({ nodes }: Graph, preparation: Preparation): Promise<void> {
  const sources = nodes.filter((node): node is SourceNode => node.kind === 'source')
  const codecs = sources.flatMap(({ key, value }) => [...preparedIn(key), ...preparedIn(value)])
  await Promise.allSettled(codecs.flatMap((codec) => codec.prepare('encode', preparation) ?? []))
}

/** As internal topics have it: records of any event time are taken. */
const anyTime = '9223372036854775807'

interface World {
  readonly clock: ManualClock
  readonly kafka: MemoryKafka
  /** The clock stands at the newest timestamp sent. */
  readonly clockFollows: boolean
}

class Driver implements TestDriver {
  readonly #graph: Graph
  readonly #processes: DriverProcesses
  readonly #clock: ManualClock
  readonly #kafka: MemoryKafka
  readonly #readUpTo = new Map<string, number>()
  #clockFollows: boolean
  #rotation = 0

  constructor(graph: Graph, processes: DriverProcesses, world: World) {
    this.#graph = graph
    this.#processes = processes
    this.#clock = world.clock
    this.#kafka = world.kafka
    this.#clockFollows = world.clockFollows
  }

  send(topic: string, ...records: readonly RecordToSend[]): void {
    const source = this.#source(topic)
    for (const { key, value, ...rest } of records) {
      const keyBytes = key === undefined || key === null ? null : encode(source.key, key, topic)
      this.#append(topic, { ...rest, key: keyBytes, value: value === null ? null : encode(source.value, value, topic) })
    }
  }

  sendBytes(topic: string, ...records: readonly BytesToSend[]): void {
    this.#source(topic)
    for (const record of records) this.#append(topic, record)
  }

  async batch(): Promise<void> {
    this.#clockFollows = false
    const intervalMs = this.#intervalMs()
    await this.#processes.batch()
    await this.#processes.pass(intervalMs)
    this.#clock.setWall(this.#clock.now() + intervalMs)
  }

  async drain(): Promise<void> {
    await this.#processes.settle()
    while (this.#processes.hasInput()) await this.batch()
  }

  async finish(): Promise<void> {
    await this.drain()
    await this.#processes.finish(() => this.batch())
  }

  async advance(by: Duration): Promise<void> {
    const intervalMs = this.#intervalMs()
    for (let left = durationMs(by, 'advance'); left > 0; left -= intervalMs) {
      if (left >= intervalMs) await this.batch()
      else this.#clock.setWall(this.#clock.now() + left)
    }
  }

  read<V>(topic: string): readonly ReadRecord<V>[] {
    const sink = this.#graph.nodes.find((node): node is SinkNode => node.kind === 'sink' && node.topic === topic)
    const found: ReadRecord<V>[] = []
    for (let partition = 0; partition < this.#partitions(topic); partition++) {
      const at = `${topic}:${partition}`
      const from = this.#readUpTo.get(at) ?? 0
      const columns = this.#kafka.records(topic, partition, 'committed')
      for (let i = 0; i < columns.count; i++) {
        const offset = columns.offsets[i] ?? 0
        if (offset < from) continue
        this.#readUpTo.set(at, offset + 1)
        const [keyBytes, valueBytes] = [columns.key(i), columns.value(i)]
        const key = keyBytes === null ? null : decode(sink?.keyOf === undefined ? sink?.key : undefined, keyBytes, text)
        const value = valueBytes === null ? null : decode(sink?.value, valueBytes, bytes)
        const headers = columns.headers(i).flatMap(([name, bytes]) => (bytes === null ? [] : [[name, bytes] as const]))
        found.push({
          key,
          value: value as V,
          timestamp: columns.timestamps[i] ?? 0,
          partition,
          headers: Object.fromEntries(headers),
        })
      }
    }
    return found
  }

  state<V>(store: string): ReadonlyMap<string, V> {
    const { nodes, stores, definition } = this.#graph
    const spec = stores.find(({ name }) => name === store)
    if (spec === undefined)
      throw new RangeError(`the topology has no store '${store}'; it has ${stores.map(({ name }) => `'${name}'`).join(', ')}`)
    const entries = this.#entriesOf(spec)
    const keyText = (key: string) => Buffer.from(key, 'latin1').toString()
    const node = nodes.find(({ stores: own }) => own.includes(spec))
    if (node?.kind !== 'window') return new Map(entries.map(({ key, value }) => [keyText(key), value as V]))
    const everyMs = definition.trigger === 'continuous' ? null : definition.trigger.everyMs
    const byKey = Map.groupBy(openWindowsIn(node, everyMs, entries), ({ key }) => keyText(key))
    const rows = ({ start, end, aggregate: value }: OpenWindow) => ({ start, end, value })
    return new Map([...byKey].map(([key, windows]) => [key, windows.map(rows) as V]))
  }

  crash(worker?: number): Promise<void> {
    return this.#processes.crash(worker)
  }

  stop(): Promise<void> {
    return this.#processes.stop()
  }

  /** What is committed of a store, of all partitions. */
  #entriesOf({ name, codec }: StoreSpec): readonly WindowEntry[] {
    const topic = this.#processes.plan.changelogOf(name)
    const entries = new Map<string, WindowEntry>()
    for (let partition = 0; partition < this.#partitions(topic); partition++) {
      const columns = this.#kafka.records(topic, partition, 'committed')
      for (let i = 0; i < columns.count; i++) {
        const write = parseChangelogRecord(columns.key(i), columns.value(i))
        if (write === 'progress') continue
        const [key, bucket] = [write.key.toString('latin1'), write.bucket === null ? null : bucketTime(write.bucket)]
        const at = `${partition} ${bucket} ${key}`
        if (write.value === null) entries.delete(at)
        else entries.set(at, { bucket, key, value: codec.decode(write.value) })
      }
    }
    return [...entries.values()]
  }

  #source(topic: string): SourceNode {
    const sources = this.#graph.nodes.filter((node): node is SourceNode => node.kind === 'source')
    const source = sources.find(({ topics }) => topics.some(({ name }) => name === topic))
    if (source !== undefined) return source
    const known = sources.flatMap(({ topics }) => topics.map(({ name }) => `'${name}'`)).join(', ')
    throw new RangeError(`the topology has no source topic '${topic}'; it has ${known}`)
  }

  #append(topic: string, record: BytesToSend): void {
    const partitions = this.#partitions(topic)
    const key = record.key ?? null
    const partition = record.partition ?? (key === null ? this.#rotation++ % partitions : partitionForKey(key, partitions))
    const timestamp = record.timestamp ?? this.#clock.now()
    if (this.#clockFollows && timestamp > this.#clock.now()) this.#clock.setWall(timestamp)
    const batch = new RecordBatchBuilder()
    batch.append(key, record.value, timestamp, Object.entries(record.headers ?? {}))
    const offset = this.#kafka.append(topic, partition, batch.finish(outsideTransactions))
    this.#processes.sent.add(topic, partition, offset)
  }

  #partitions(topic: string): number {
    const found = this.#kafka.topics().find(({ name }) => name === topic)
    if (found === undefined) throw new RangeError(`there is no topic '${topic}'`)
    return found.partitions
  }

  #intervalMs(): number {
    const { trigger } = this.#graph.definition
    return trigger === 'continuous' ? 100 : trigger.everyMs
  }
}

const text: Decoder<unknown> = { name: 'text', decode: (bytes) => bytes.toString() }
const bytes: Decoder<unknown> = { name: 'bytes', decode: (bytes) => bytes }

function encode(decoder: Decoder<unknown>, value: unknown, topic: string): Buffer | null {
  const { encode: own } = decoder as Partial<Encoder<unknown>>
  if (own === undefined)
    throw new FatalError(`the source of '${topic}' can only decode (${decoder.name}): give its bytes to sendBytes`)
  return own(value)
}

function decode(encoder: Encoder<unknown> | undefined, from: Buffer, otherwise: Decoder<unknown>): unknown {
  const { decode: own } = (encoder ?? {}) as Partial<Decoder<unknown>>
  return own === undefined ? otherwise.decode(from) : own(from)
}
