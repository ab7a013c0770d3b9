/** The nodes of a topology: frozen data. Only `operators/compile.ts` switches on their kind; everything else reads the shared fields. */
import type { CodecFor, Decoder, Encoder } from '../codec/codec.ts'

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
  readonly inputs: readonly TopologyNode[]
  readonly stores: readonly StoreSpec[]
  readonly topics: readonly TopicUse[]
}

export interface SourceNode extends Common {
  readonly kind: 'source'
  readonly key: Decoder<Key>
  readonly value: Decoder<Value>
  readonly time: UserFn<number> | undefined
  readonly onInvalid: Policy
  readonly startAt: 'earliest' | 'latest' | { readonly timestamp: number }
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
/** Every keyed aggregate and toTable. The one store is `stores[0]`. */
export interface AggregateNode extends Common {
  readonly kind: 'aggregate'
  /** What describe() calls it: count, sum, … */
  readonly function: string
  readonly initial: (key: Key) => Value
  /** `undefined` deletes. */
  readonly add: (aggregate: Value, value: Value, record: RecordInfo) => Value
  readonly remove: ((aggregate: Value, value: Value) => Value) | undefined
  readonly merge: ((left: Value, right: Value) => Value) | undefined
  /** The row as its reader sees it (an average from its sum and count); identity where undefined. */
  readonly finish: ((aggregate: Value) => Value) | undefined
}
export interface TableMapNode extends Common {
  readonly kind: 'tableMap'
  readonly fn: (row: Value, key: Key) => Value
}
export interface TableFilterNode extends Common {
  readonly kind: 'tableFilter'
  readonly fn: (row: Value, key: Key) => boolean
}
/** From a table to a stream: `update` rows, or pairs of before and after. */
export interface EmitNode extends Common {
  readonly kind: 'emit'
  readonly mode: 'update' | 'changes'
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
  | UnionNode
  | BranchNode
  | OutletNode
  | RepartitionNode
  | RekeyedNode
  | AggregateNode
  | TableMapNode
  | TableFilterNode
  | EmitNode
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
