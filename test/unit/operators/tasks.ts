/** All tasks of a topology without a Kafka: records go in by topic, batches run, and what they wrote is decoded again. */
import { cut } from '../../../service/batch/cutting.ts'
import { definitionOf, type Topology } from '../../../service/dsl/topology.ts'
import { decodeRecords } from '../../../service/kafka/records/decode-records.ts'
import {
  outsideTransactions,
  RecordBatchBuilder,
  type RecordHeader,
} from '../../../service/kafka/records/record-batch-builder.ts'
import { RecordColumns } from '../../../service/kafka/records/record-columns.ts'
import type { Labels, Metrics } from '../../../service/metrics.ts'
import { noMetrics } from '../../../service/metrics.ts'
import { KeyKinds } from '../../../service/operators/key-kinds.ts'
import { compileTask } from '../../../service/operators/compile.ts'
import type { Tables } from '../../../service/operators/compile-parts.ts'
import type { TaskPipeline } from '../../../service/operators/pipeline.ts'
import { loadTables } from '../../../service/runtime/static-tables.ts'
import { OutputBuffer } from '../../../service/sink/output-buffer.ts'
import type { PrintedBatch } from '../../../service/sink/print.ts'
import { EntryCache } from '../../../service/state/entry-cache.ts'
import { MemoryStoreBackend } from '../../../service/state/memory-store.ts'
import { StateView } from '../../../service/state/state-view.ts'
import { parseTaskId, type TaskId } from '../../../service/task-id.ts'
import { type Graph, graphOf } from '../../../service/topology/graph.ts'
import { planOf, requiredTopics } from '../../../service/topology/plan.ts'

export interface Input {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}
export interface Output {
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
}

/** Records as a fetch would deliver them. */
export function columnsOf(records: readonly Input[], baseOffset = 0): RecordColumns {
  if (records.length === 0) return new RecordColumns(0)
  const builder = new RecordBatchBuilder()
  for (const { key = null, value, timestamp = 0, headers } of records) builder.append(key, value, timestamp, headers)
  const bytes = builder.finish(outsideTransactions)
  bytes.writeBigInt64BE(BigInt(baseOffset), 0)
  return decodeRecords(bytes, 0, bytes.length, 0, null).columns
}

interface Feed {
  readonly topic: string
  readonly partition: number
  readonly chunks: { readonly columns: RecordColumns; readonly nextOffset: number; readonly byteLength: number }[]
  end: number
  readonly consumed: () => void
}

export class Tasks {
  readonly outputs: OutputBuffer
  readonly printed: PrintedBatch[] = []
  readonly counted: string[] = []
  readonly views = new Map<string, StateView>()
  readonly #feeds = new Map<TaskId, Feed[]>()
  readonly #pipelines = new Map<TaskId, TaskPipeline>()
  readonly #written = new Map<string, Output[]>()
  readonly #partitions: Map<string, number>
  readonly #internal: ReadonlySet<string>

  private constructor(
    graph: Graph,
    { tables, partitions, messageBytesMax }: { tables: Tables; partitions: number; messageBytesMax: number },
  ) {
    const external = new Map(requiredTopics(graph).map((topic) => [topic, partitions]))
    const plan = planOf(graph, 'test', external)
    this.#internal = new Set(plan.internalTopics.filter(({ kind }) => kind === 'repartition').map(({ name }) => name))
    this.#partitions = new Map([...external, ...plan.internalTopics.map(({ name, partitions }) => [name, partitions] as const)])
    this.outputs = new OutputBuffer({
      partitionsOf: (topic) => this.#partitions.get(topic),
      messageBytesMax: () => messageBytesMax,
      compression: 'none',
    })
    const cache = new EntryCache(1e8)
    for (const id of plan.tasks) {
      const { subtopology: number, partition } = parseTaskId(id)
      const subtopology = graph.subtopologies[number]
      if (subtopology === undefined) continue
      const views = new Map(subtopology.stores.map((spec) => [spec.name, new StateView({ spec, cache, strict: false })]))
      for (const [name, view] of views) this.views.set(`${name}-${partition}`, view)
      const print = (rows: PrintedBatch) => void this.printed.push(rows)
      this.#pipelines.set(
        id,
        compileTask(subtopology, {
          partition,
          plan,
          views,
          tables,
          outputs: this.outputs,
          metrics: this.#metrics(),
          print,
          keyKinds: new KeyKinds(graph.ids, {}),
          time: null,
        }),
      )
      const feeds = plan.taskPartitions(id).map((one) => ({ ...one, chunks: [], end: 0, consumed: () => {} }))
      this.#feeds.set(id, feeds)
    }
  }

  static async of(topology: Topology, { partitions = 1, messageBytesMax = 1_000_000 } = {}): Promise<Tasks> {
    const graph = graphOf(definitionOf(topology))
    const tasks = new Tasks(graph, { tables: await loadTables(graph), partitions, messageBytesMax })
    const backend = new MemoryStoreBackend()
    for (const [store, view] of tasks.views) {
      const handle = await backend.acquire({ application: 'test', store, partition: 0 })
      await handle.rebuild(0)
      view.attach(handle, 0)
    }
    return tasks
  }

  send(topic: string, records: readonly Input[], partition = 0): void {
    for (const feed of [...this.#feeds.values()].flat()) {
      if (feed.topic !== topic || feed.partition !== partition) continue
      const columns = columnsOf(records, feed.end)
      feed.end += records.length
      feed.chunks.push({ columns, nextOffset: feed.end, byteLength: columns.byteLength })
    }
  }

  /** One batch over all tasks, and further ones for what it wrote to repartition topics. */
  async run(): Promise<this> {
    for (;;) {
      const { slices } = cut(this.#feeds, { recordsMax: 1e6, bytesMax: 1e9 })
      if (slices.size === 0) return this
      const pipelines = [...slices.keys()].flatMap((id) => this.#pipelines.get(id) ?? [])
      for (const [id, own] of slices) {
        this.#pipelines.get(id)?.begin({ time: 1_700_000_000_000, number: 1 })
        for (const slice of own) this.#pipelines.get(id)?.accept(slice)
      }
      for (let stage = 0; stage < Math.max(...pipelines.map(({ stages }) => stages.length)); stage++) {
        const loads = () => pipelines.flatMap(({ stages }) => stages[stage]?.load() ?? [])
        for (let under = loads(); under.length > 0; under = loads()) await Promise.all(under)
        for (const { stages } of pipelines) stages[stage]?.run()
      }
      for (const pipeline of pipelines) pipeline.end()
      this.#commit()
    }
  }

  /** What was written to the topic since the last call. */
  read(topic: string): readonly Output[] {
    const written = this.#written.get(topic) ?? []
    this.#written.delete(topic)
    return written
  }

  /** Values of `read`, parsed. */
  values(topic: string): readonly unknown[] {
    return this.read(topic).map(({ value }) => (value === null ? null : JSON.parse(value)))
  }

  #commit(): void {
    for (const topic of this.outputs.unresolvedTopics()) {
      if (topic !== 'missing') this.#partitions.set(topic, 1)
      this.outputs.resolve(topic, this.#partitions.get(topic))
    }
    for (const view of this.views.values()) view.takeChanges()
    for (const { topic, partition, records } of this.outputs.batches()) {
      const bytes = records.finish(outsideTransactions)
      const { columns } = decodeRecords(bytes, 0, bytes.length, 0, null)
      const written = Array.from({ length: columns.count }, (_, i) => ({
        partition,
        key: columns.key(i)?.toString() ?? null,
        value: columns.value(i)?.toString() ?? null,
        timestamp: columns.timestamps[i] ?? Number.NaN,
        headers: Object.fromEntries(columns.headers(i).map(([name, value]) => [name, value?.toString() ?? ''])),
      }))
      this.#written.set(topic, [...(this.#written.get(topic) ?? []), ...written])
      if (this.#internal.has(topic)) this.#pass(topic, partition, columns)
    }
    this.outputs.clear()
  }

  #pass(topic: string, partition: number, columns: RecordColumns): void {
    for (const feed of [...this.#feeds.values()].flat()) {
      if (feed.topic !== topic || feed.partition !== partition) continue
      feed.end += columns.count
      feed.chunks.push({ columns, nextOffset: feed.end, byteLength: columns.byteLength })
    }
  }

  #metrics(): Metrics {
    return {
      ...noMetrics,
      add: (name: string, value: number, labels: Labels = {}) =>
        void this.counted.push(`${name} ${labels.topic} ${labels.reason} ${value}`),
    }
  }
}
