/** The nodes of a topology: frozen data. Only `operators/compile.ts` switches on their kind; everything else reads the shared fields. */
import type { CodecFor, Decoder, Encoder } from '../codec/codec.ts'
import type { Ranking } from './ranking.ts'

/** Generics end in `dsl/`: from here on keys and values are `unknown`, and user functions are as they were cast there. */
export type Value = unknown
export type Key = unknown

export interface RecordInfo {
  readonly key: Key
  readonly timestamp: number
  readonly headers: Readonly<Record<string, Buffer>>
  readonly source?: { readonly topic: string; readonly partition: number; readonly offset: bigint }
}
export type UserFn<R = unknown> = (value: Value, record: RecordInfo) => R
export type Policy = 'stop' | 'skip' | 'dead-letter'

/** State of one operator. `codec` is of the values; keys are bytes as they arrived. */
export interface StoreSpec {
  readonly name: string
  readonly shape: 'keyed' | 'bucketed'
  readonly codec: CodecFor<Value>
  /** What decides beside shape and codec how entries are read: kind and sizes of windows. Part of the fingerprint. */
  readonly layout?: string
}

/** A topic that a node reads or writes; a repartition topic is both, and named by `name` until the application is known. */
export interface TopicUse {
  readonly role: 'source' | 'repartition' | 'sink' | 'dead-letter'
  /** Undefined where a function of the record names it. */
  readonly name: string | undefined
}

interface Common {
  /** What the user called it (store, repartition, branch); undefined for unnamed steps. */
  readonly name: string | undefined
  /** What describe() calls the step, where its kind says too little (keyBy, global). */
  readonly label?: string
  /** What describe() says of it beside its topics and stores: parameters, as people write them. */
  readonly detail?: string
  readonly inputs: readonly TopologyNode[]
  readonly stores: readonly StoreSpec[]
  readonly topics: readonly TopicUse[]
}

/** Rows that never change, by key. */
export type TableRows = ReadonlyMap<string, Value>
/** A file of rows, read when a worker starts. */
export interface TableFile {
  /** A path, from the working directory where it is relative, or a `file:` URL. */
  readonly location: string | URL
  readonly format: 'json' | 'jsonl' | 'csv'
  readonly keyOf: (row: Value) => string
}
/** Rows given by the code of the topology, or by a file. */
export interface StaticTable {
  /** For messages and describe(): the file as it was given, or how many rows the code has. */
  readonly source: string
  readonly rows: TableRows | TableFile
}

export interface SourceNode extends Common {
  readonly kind: 'source'
  readonly key: Decoder<Key>
  readonly value: Decoder<Value>
  readonly time: UserFn<number> | undefined
  readonly onInvalid: Policy
  readonly startAt: 'earliest' | 'latest' | { readonly timestamp: number }
  /** What becomes of records that were deleted before they were read: a fault, or the first that is left. */
  readonly onDeleted: 'stop' | 'earliest'
  /** ms by which a partition's watermark trails its newest event time. */
  readonly lateness: number
  /** ms without a record after which a partition that was read to its end counts as idle; null: never. */
  readonly idleAfter: number | null
  /** ms that a record may be ahead of the clock before it is invalid; null: any. */
  readonly futureMax: number | null
}
export interface MapNode extends Common {
  readonly kind: 'map'
  readonly fn: UserFn
}
export interface FlatMapNode extends Common {
  readonly kind: 'flatMap'
  readonly fn: UserFn<Iterable<Value>>
}
export interface FilterNode extends Common {
  readonly kind: 'filter'
  readonly fn: UserFn<boolean>
}
export interface PeekNode extends Common {
  readonly kind: 'peek'
  readonly fn: UserFn
}
/** Each record with the row of a table: `undefined` where there is none. The table is no part of the fingerprint. */
export interface LookupNode extends Common {
  readonly kind: 'lookup'
  readonly table: StaticTable
  readonly keyOf: UserFn<string>
  readonly combine: (value: Value, row: Value, record: RecordInfo) => Value
}
/** A new event time from here on: every source partition has a watermark of its own here, as the sources have theirs. */
export interface WithTimeNode extends Common {
  readonly kind: 'withTime'
  readonly fn: UserFn<number>
  /** ms by which a partition's watermark trails its newest event time. */
  readonly latenessMs: number
}
export interface UnionNode extends Common {
  readonly kind: 'union'
}
/** Each record goes to the first branch whose test it passes, else to `rest`; its outlets are OutletNodes. */
export interface BranchNode extends Common {
  readonly kind: 'branch'
  readonly tests: readonly { readonly name: string; readonly fn: UserFn<boolean> }[]
}
export interface OutletNode extends Common {
  readonly kind: 'outlet'
  /** Index into the branch's tests; tests.length is `rest`. */
  readonly branch: number
}
/** keyBy and global: writes to a repartition topic and reads from it. With `alreadyPartitioned` there is none. */
export interface RepartitionNode extends Common {
  readonly kind: 'repartition'
  readonly keyOf: UserFn<string | number | bigint>
  readonly value: CodecFor<Value>
  /** Default: the most of its sources. */
  readonly partitions: number | undefined
  readonly alreadyPartitioned: boolean
}
/** byKey and records: the same records, with another type. */
export interface RekeyedNode extends Common {
  readonly kind: 'byKey' | 'records'
}
/** How an aggregate computes. None of the functions changes what it is given. */
export interface AggregateFunctions {
  /** What the language calls it: count, sum, … */
  readonly function: string
  readonly initial: (key: Key) => Value
  /** `undefined` deletes. */
  readonly add: (aggregate: Value, value: Value, record: RecordInfo) => Value
  /** Takes out a value that `add` took in; `undefined` deletes. Undefined itself where that can't be done. */
  readonly remove: ((aggregate: Value, value: Value) => Value) | undefined
  /** Two aggregates that are there (never `undefined`) as one; `left` is the earlier. Undefined where that can't be done. */
  readonly merge: ((left: Value, right: Value) => Value) | undefined
  /** The row as its reader sees it (an average from its sum and count); identity where undefined. */
  readonly finish: ((aggregate: Value) => Value) | undefined
  /** Whether two aggregates come to the same row, so that nobody is told of the change; where undefined, every change is one of the row. */
  readonly isSame?: (aggregate: Value, before: Value) => boolean
}
/** Every keyed aggregate and toTable. The one store is `stores[0]`. */
export interface AggregateNode extends Common, AggregateFunctions {
  readonly kind: 'aggregate'
}
/** [k × advance + offset, k × advance + offset + size) for every whole k: tumbling where advance = size. */
export interface AlignedWindows {
  readonly kind: 'aligned'
  readonly sizeMs: number
  /** From 1 to sizeMs. */
  readonly advanceMs: number
  /** From 0 to below advanceMs. */
  readonly offsetMs: number
  readonly graceMs: number
  /** What rows show as the size, where that is not sizeMs: of windows that merge what other windows with the same ends came to. */
  readonly rowSizeMs?: number
}
/** For each record at t the windows [t − span, t] and [t + 1, t + 1 + span], both bounds included, where not empty. */
export interface SlidingWindows {
  readonly kind: 'sliding'
  readonly spanMs: number
  readonly graceMs: number
}
/** Ended by silence (`gapMs`) or by a record; at least one of `gapMs`, `startsWith`, `endsWith` is there. */
export interface SessionWindows {
  readonly kind: 'session'
  /** At least 1; null: silence ends nothing. */
  readonly gapMs: number | null
  /** Undefined: any record opens a session. */
  readonly startsWith: ((value: Value) => boolean) | undefined
  readonly endsWith: ((value: Value) => boolean) | undefined
  /** 0 where `order` is `'arrival'`. */
  readonly graceMs: number
  /** In which records meet the markers; always `'time'` where there are none. */
  readonly order: 'time' | 'arrival'
}
/** The last `length` slots, which are intervals of the trigger, at every whole multiple of `slide` of them. */
export interface BatchWindows {
  readonly kind: 'batches'
  readonly length: number
  /** From 1 to `length`. */
  readonly slide: number
}
export type WindowSpec = AlignedWindows | SlidingWindows | SessionWindows | BatchWindows
/** An aggregate over windows. The one store is `stores[0]`; its codec is of the aggregate. Sessions always have `merge`. */
export interface WindowNode extends Common, AggregateFunctions {
  readonly kind: 'window'
  readonly windows: WindowSpec
}
/** From the rows of a WindowNode to a stream. */
export interface WindowEmitNode extends Common {
  readonly kind: 'windowEmit'
  readonly mode: 'append' | 'update' | 'complete'
}
/** The records that a WindowNode took into no window: late for all of them, or (sessions with `startsWith`) in no session. */
export interface WindowSideNode extends Common {
  readonly kind: 'late' | 'outside'
}
export interface TableMapNode extends Common {
  readonly kind: 'tableMap'
  readonly fn: (row: Value, key: Key) => Value
}
export interface TableFilterNode extends Common {
  readonly kind: 'tableFilter'
  readonly fn: (row: Value, key: Key) => boolean
}
/** From a table to a stream: changed rows, all rows, or pairs of before and after. */
export interface EmitNode extends Common {
  readonly kind: 'emit'
  readonly mode: 'update' | 'complete' | 'changes'
}
/** The first rows of one task in the order of a top: of a table or, where the input is a WindowNode, of each window. */
export interface TopPartNode extends Common {
  readonly kind: 'topPart'
  readonly ranking: Ranking
}
export interface SinkNode extends Common {
  readonly kind: 'sink'
  readonly topic: string | UserFn<string>
  readonly value: Encoder<Value>
  /** Exactly one of the two, or neither where the record's own key bytes go on. */
  readonly key: Encoder<Key> | undefined
  readonly keyOf: UserFn<string> | undefined
  readonly partition: ((key: Buffer | null, partitions: number) => number) | undefined
  readonly headers: UserFn<Readonly<Record<string, Buffer>>> | undefined
  /** A table's sink writes null for a deleted row. */
  readonly table: boolean
}
export interface PrintNode extends Common {
  readonly kind: 'print'
  readonly rows: number
}

export type TopologyNode =
  | SourceNode
  | MapNode
  | FlatMapNode
  | FilterNode
  | PeekNode
  | LookupNode
  | WithTimeNode
  | UnionNode
  | BranchNode
  | OutletNode
  | RepartitionNode
  | RekeyedNode
  | AggregateNode
  | WindowNode
  | WindowEmitNode
  | WindowSideNode
  | TableMapNode
  | TableFilterNode
  | EmitNode
  | TopPartNode
  | SinkNode
  | PrintNode

/** What `topology()` freezes. */
export interface TopologyDefinition {
  readonly name: string
  /** Sinks and prints. */
  readonly sinks: readonly TopologyNode[]
  readonly trigger: { readonly everyMs: number } | 'continuous'
  readonly guarantee: 'exactly-once'
  readonly onError: Policy
  readonly deadLetterTopic: string | undefined
}
