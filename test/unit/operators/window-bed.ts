/** One window operator on a real view of a store: records go in by key and time, and the rows that come out are read as text. */
import { json } from '../../../service/codec/json.ts'
import { text } from '../../../service/codec/text.ts'
import { systemClock } from '../../../service/clock.ts'
import { definitionOf, topology } from '../../../service/dsl/topology.ts'
import { type KeyedStream, stream, type WindowedTable } from '../../../service/index.ts'
import type { AllRows } from '../../../service/operators/all-rows.ts'
import { CompleteEmit } from '../../../service/operators/complete-emit.ts'
import { eventTime } from '../../../service/operators/record-time.ts'
import type { StatefulOperator } from '../../../service/operators/stateful.ts'
import type { Push } from '../../../service/source/push.ts'
import { noHeaders, type Origin, RecordInput, Stamps, StreamRecord } from '../../../service/source/record.ts'
import { chunksOf } from '../../../service/state/chunks.ts'
import { EntryCache } from '../../../service/state/entry-cache.ts'
import { countEntries } from '../../../service/state/entry-counts.ts'
import { MemoryStoreBackend } from '../../../service/state/memory-store.ts'
import { ScriptedStore } from '../../../service/state/scripted-store.ts'
import { StateView } from '../../../service/state/state-view.ts'
import type { StoreHandle } from '../../../service/state/store-backend.ts'
import { SlotClock } from '../../../service/time/slot-clock.ts'
import { type SourceTime, TaskTime } from '../../../service/time/task-time.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import type { WindowNode } from '../../../service/topology/node.ts'
import { windowOperator } from '../../../service/operators/window-operator.ts'

export interface BedOptions {
  readonly lateness?: number
  /** Source partitions, each with a watermark of its own. */
  readonly partitions?: number
  readonly store?: 'memory' | 'scripted'
  readonly cacheBytes?: number
  readonly onError?: 'throw' | 'skip'
  /** Of the trigger, for windows of batches: each batch is cut at the time that it is given. */
  readonly everyMs?: number
  /** What is not read is not computed. Default: all of it. */
  readonly reads?: 'all' | 'final rows'
}

/** `t`, the key, the value (default 1), the source partition (default 0). */
export type Event = readonly [time: number, key: string, value?: unknown, partition?: number]

export interface Row {
  readonly key: string
  readonly timestamp: number
  readonly start: number
  readonly end: number
  readonly value: unknown
  readonly closedBy?: string
  readonly replaces?: readonly { readonly start: number; readonly end: number }[]
}

type Side = 'append' | 'update' | 'complete' | 'late' | 'outside'

export class WindowBed {
  readonly rows: Record<Side, Row[]> = { append: [], update: [], complete: [], late: [], outside: [] }
  readonly counted: string[] = []
  readonly failures: string[] = []
  /** How many windows closed at a time, and the latest end of one. */
  readonly closed: (readonly [count: number, end: number])[] = []
  readonly scripted = new ScriptedStore(systemClock)
  readonly node: WindowNode
  readonly #options: Required<BedOptions>
  readonly #memory = new MemoryStoreBackend()
  readonly #offsets: number[] = []
  #handle: StoreHandle | null = null
  #view: StateView
  #operator: StatefulOperator & AllRows
  #complete: CompleteEmit
  #time: TaskTime
  #slots: SlotClock
  #sources: SourceTime[] = []

  private constructor(node: WindowNode, options: Required<BedOptions>) {
    this.node = node
    this.#options = options
    this.#time = new TaskTime({ committed: Number.NEGATIVE_INFINITY })
    this.#slots = this.#slotClock(Number.NEGATIVE_INFINITY)
    this.#view = this.#newView()
    this.#complete = this.#newComplete()
    this.#operator = this.#newOperator()
  }

  static async of(table: (input: KeyedStream<string, never>) => WindowedTable<string, unknown, never>, options: BedOptions = {}) {
    const input = stream<never>('in', { value: json() }).byKey()
    const sink = table(input).emit('append').to('out', { value: json() })
    const node = graphOf(definitionOf(topology('t', [sink]))).nodes.find(({ kind }) => kind === 'window') as WindowNode
    const defaults = { lateness: 0, partitions: 1, store: 'scripted', cacheBytes: 1e8 } as const
    const bed = new WindowBed(node, { ...defaults, onError: 'throw', everyMs: 1, reads: 'all', ...options })
    const { store } = bed.#options
    bed.#handle = await (store === 'memory' ? bed.#memory : bed.scripted.backend(systemClock)).acquire(bed.#id(), 'topic')
    await bed.#handle.rebuild(0)
    bed.#view.attach(bed.#handle, 0)
    bed.#sources = Array.from({ length: bed.#options.partitions }, () =>
      bed.#time.source(bed.#options.lateness, Number.NEGATIVE_INFINITY),
    )
    return bed
  }

  get watermark(): number {
    return this.#time.value
  }
  get output(): number {
    return this.#operator.output.value
  }
  get isDue(): boolean {
    return this.#operator.isDue
  }
  /** Keyed entries and marks that the store holds. */
  get stored(): { readonly keyed: number; readonly marks: number; readonly buckets: number } {
    const held = this.scripted.bucketEntries(this.#id())
    const marks = [...held.values()].reduce((sum, { size }) => sum + size, 0)
    return {
      keyed: this.scripted.entries(this.#id()).size,
      marks,
      buckets: [...held.values()].filter(({ size }) => size > 0).length,
    }
  }

  /** One batch, cut at `now` of the wall clock. */
  async batch(events: readonly Event[] = [], now = 0): Promise<void> {
    this.#slots.observe(now)
    this.#view.beginBatch()
    this.#operator.begin()
    this.#complete.begin()
    for (const event of events) this.#push(event)
    for (let load = this.#operator.load(); load !== undefined; load = this.#operator.load()) await load
    this.#operator.run()
    for (let load = this.#complete.load(); load !== undefined; load = this.#complete.load()) await load
    this.#complete.run()
    await this.#apply()
  }

  /** One batch for each event. */
  async each(events: readonly Event[]): Promise<void> {
    for (const event of events) await this.batch([event])
  }

  /** All that the sources will ever hold was read; closes what there is to close, in as many batches as that takes. */
  async finish(): Promise<void> {
    this.#time.endOfSources()
    do await this.batch()
    while (this.isDue)
  }

  /** Moves all partitions to `time`, without a record. */
  async advance(time: number): Promise<void> {
    for (const source of this.#sources) source.see(time + this.#options.lateness)
    await this.batch()
  }

  /** Starts again from what was committed. */
  async crash(): Promise<void> {
    const committed = this.#time.value
    const watermarks = this.#sources.map(({ value }) => value)
    this.#time = new TaskTime({ committed })
    this.#sources = watermarks.map((watermark) => this.#time.source(this.#options.lateness, watermark))
    this.#slots = this.#slotClock(this.#slots.value)
    const { marker } = this.#view
    const handle = this.#opened()
    this.#view = this.#newView()
    this.#view.attach(handle, marker.position, await countEntries(handle, marker))
    this.#complete = this.#newComplete()
    this.#operator = this.#newOperator()
  }

  /** Rows since the last call, as `key [start, end) value`. */
  read(side: 'append' | 'update' | 'complete' = 'append'): readonly string[] {
    return this.rows[side].splice(0).map(shown)
  }

  /** `key@time` of records, since the last call. */
  readRecords(side: 'late' | 'outside'): readonly string[] {
    return this.rows[side].splice(0).map(({ key, timestamp }) => `${key}@${timestamp}`)
  }

  #push([time, key, value = 1, partition = 0]: Event): void {
    const offset = this.#offsets[partition] ?? 0
    this.#offsets[partition] = offset + 1
    const stamps = new Stamps()
    const stamp = this.#sources[partition]?.see(time) ?? Number.NaN
    if (stamp > Number.NEGATIVE_INFINITY) stamps.set(0, stamp)
    const origin: Origin = { topic: 'in', partition, offset }
    const input = new RecordInput({
      topic: 'in',
      partition,
      columns: null,
      timestamps: Float64Array.of(time),
      first: 0,
      keys: text(),
      provenance: { origin: () => origin, headers: () => noHeaders },
      stamps,
    })
    this.#operator.push(value, new StreamRecord(input, 0, Buffer.from(key).toString('latin1')))
  }

  async #apply(): Promise<void> {
    const writes = this.#view.takeChanges()
    const handle = this.#opened()
    for (const chunk of chunksOf(this.#view.marker, { to: this.#view.marker.position + 1, writes })) {
      this.#view.sending(chunk.to)
      await handle.apply(chunk)
      this.#view.moved(chunk.to)
    }
    this.#view.applied(writes)
  }

  #slotClock(committed: number): SlotClock {
    return new SlotClock({ everyMs: this.#options.everyMs, lag: 0, spanMs: 0, committed })
  }

  #newView(): StateView {
    const spec = this.node.stores[0]
    if (spec === undefined) throw new Error('the node has no store')
    return new StateView({ spec, cache: new EntryCache(this.#options.cacheBytes), strict: true })
  }

  #to(side: Side): Push {
    return (value, record) => {
      const row = side === 'late' || side === 'outside' ? { value } : (value as object)
      this.rows[side].push({ key: String(record.key), timestamp: record.timestamp, ...row } as Row)
    }
  }

  #newComplete(): CompleteEmit {
    const rows: AllRows = {
      loadRows: (ends) => this.#operator.loadRows(ends),
      replay: (next, timestamp, ends) => this.#operator.replay(next, timestamp, ends),
    }
    return new CompleteEmit({ rows, input: this.#time, next: this.#to('complete') })
  }

  #newOperator(): StatefulOperator & AllRows {
    return windowOperator({
      node: this.node,
      view: this.#view,
      input: this.node.windows.kind === 'batches' ? this.#slots : this.#time,
      time: eventTime,
      everyMs: this.#options.everyMs,
      failed: (operator, error, record) => {
        if (this.#options.onError === 'throw') throw error
        this.failures.push(`${operator} ${record.timestamp} ${String(error)}`)
      },
      outlets: {
        append: this.#to('append'),
        update: this.#to('update'),
        changes: this.#options.reads === 'all' ? this.#complete.push : undefined,
        late: this.#to('late'),
        outside: this.#to('outside'),
        closed: (count, end) => void this.closed.push([count, end]),
      },
      keys: () => text(),
      outside: (record) => void this.counted.push(`outside ${String(record.key)}@${record.timestamp}`),
      late: (record, windows) => void this.counted.push(`${windows} ${String(record.key)}@${record.timestamp}`),
    })
  }

  #id() {
    return { application: 'app', store: this.node.name ?? '', partition: 0 }
  }

  #opened(): StoreHandle {
    if (this.#handle === null) throw new Error('the bed has no store')
    return this.#handle
  }
}

export function shown({ key, start, end, value, closedBy, replaces }: Row): string {
  const by = closedBy === undefined ? '' : ` ${closedBy}`
  const instead = replaces === undefined ? '' : ` for ${replaces.map((each) => `[${each.start}, ${each.end})`).join(' ')}`
  return `${key} [${start}, ${end}) ${JSON.stringify(value)}${by}${instead}`
}
