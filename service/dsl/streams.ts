/** The interfaces of the language: streams, keyed and windowed ones, and tables. They speak of each other, so they stand in one file. */
import type { Duration, EpochMs } from '../duration.ts'
import type {
  Aggregation,
  CodecWhereLossy,
  Fn,
  GlobalTable,
  KeyByOptions,
  KeyEncoder,
  LastWhereLossy,
  NotAsync,
  RecordInfo,
  Sink,
  SinkOptions,
  Widen,
} from './types.ts'
import type { ClosedBy, SessionWindows, Windowed, Windows } from './window-types.ts'

/** A type guard; written as a method, since those are compared without regard to the direction of their parameters. */
type Guard<W> = { test(value: unknown, record: unknown): value is W }['test']

/** Records, one after the other. */
export interface Stream<K, V> {
  map<W>(fn: Fn<K, V, NotAsync<W>>): Stream<K, W>
  flatMap<W>(fn: Fn<K, V, Iterable<W>>): Stream<K, W>
  filter<W extends V>(fn: (value: V, record: RecordInfo<K>) => value is W): Stream<K, W>
  filter(fn: Fn<K, V, boolean>): Stream<K, V>
  /** Looks at each record and changes nothing. */
  peek<R>(fn: Fn<K, V, NotAsync<R>>): Stream<K, V>
  /**
   * Each record with the row of a static table under the key that `keyOf` gives, a string; `undefined` where there is none. Rows are
   * frozen, as all records see the same ones.
   */
  lookup<W, R>(
    table: GlobalTable<W>,
    keyOf: Fn<K, V, string>,
    combine: (value: V, row: W | undefined, record: RecordInfo<K>) => NotAsync<R>,
  ): Stream<K, R>
  /**
   * A new event time, and a new watermark per source partition, from here on: it trails the newest event time that came here by `lateness`
   * (default 0). The time is as the source's `time`: milliseconds since 1970, and what is none gets the source's `onInvalid`; so does one
   * further ahead of the clock than its `futureMax`. It stands before every keyBy and every state; of several in a row the last counts.
   */
  withTime(fn: Fn<K, V, EpochMs>, options?: { readonly lateness?: Duration }): Stream<K, V>
  union<W extends readonly unknown[]>(...others: { [I in keyof W]: Stream<K, W[I]> }): Stream<K, V | W[number]>
  /** Each record goes to the first branch whose test it passes, else to `rest`. */
  branch<B extends Readonly<Record<string, Fn<K, V, boolean>>> & { readonly rest?: never }>(
    branches: B,
  ): {
    readonly [N in Exclude<keyof B, 'rest'>]: Stream<K, B[N] extends Guard<infer W> ? W & V : V>
  } & { readonly rest: Stream<K, V> }
  /** A new key: records travel through a repartition topic, inside the transaction, to the task that owns the key. */
  keyBy<L extends string | number | bigint>(
    fn: Fn<K, V, L>,
    ...options: LastWhereLossy<'value', V, KeyByOptions>
  ): KeyedStream<Widen<L>, V>
  /** The record's own key, as it is partitioned already. */
  byKey(): KeyedStream<K, V>
  /** One key, `''`, in one partition: totals over everything. */
  global(...options: LastWhereLossy<'value', V, { readonly name?: string }>): KeyedStream<string, V>
  to(topic: string | Fn<K, V, string>, options: SinkOptions<K, V> & KeyEncoder<K, V>): Sink
  /** The first rows of each batch on standard output, under a `Time:` header. */
  print(rows?: number): Sink
}

/** A stream on which state can be kept. A state's name names its store and its changelog, and so survives edits elsewhere. */
export interface KeyedStream<K, V> {
  /** Back to a stream, with this key and its partitioning. */
  records(): Stream<K, V>
  /** The last value of each key; null deletes. */
  toTable(name: string, ...options: LastWhereLossy<'state', NonNullable<V>>): Table<K, NonNullable<V>>
  count(name: string): Table<K, number>
  /** Of finite numbers, as min, max and average are: `of` returning anything else is an error of the record (`onError`). */
  sum(name: string, of: (value: V) => number): Table<K, number>
  min(name: string, of: (value: V) => number): Table<K, number>
  max(name: string, of: (value: V) => number): Table<K, number>
  average(name: string, of: (value: V) => number): Table<K, number>
  /** Rewrites a whole row for each change: for few distinct values. */
  countByValue(name: string, of: (value: V) => string): Table<K, Readonly<Record<string, number>>>
  /** Begins with the first value itself. */
  reduce(name: string, fn: (left: V, right: V) => V, ...options: LastWhereLossy<'state', V>): Table<K, V>
  aggregate<A>(name: string, aggregation: Aggregation<K, V, A> & CodecWhereLossy<'state', A>): Table<K, A>
  /** Gathers the records of each key in windows of event time, or of batches. */
  window(windows: SessionWindows<V>): SessionStream<K, V>
  window(windows: Windows<V>): WindowedStream<K, V>
}

/** Records gathered in windows: the aggregates of a KeyedStream, one for each window and key. */
export interface WindowedStream<K, V> {
  count(name: string): WindowedTable<K, number, V>
  sum(name: string, of: (value: V) => number): WindowedTable<K, number, V>
  min(name: string, of: (value: V) => number): WindowedTable<K, number, V>
  max(name: string, of: (value: V) => number): WindowedTable<K, number, V>
  average(name: string, of: (value: V) => number): WindowedTable<K, number, V>
  countByValue(name: string, of: (value: V) => string): WindowedTable<K, Readonly<Record<string, number>>, V>
  /** Begins with the first value itself. In sessions that grow together `fn` takes what each of them came to. */
  reduce(name: string, fn: (left: V, right: V) => V, ...options: LastWhereLossy<'state', V>): WindowedTable<K, V, V>
  aggregate<A>(name: string, aggregation: Aggregation<K, V, A> & CodecWhereLossy<'state', A>): WindowedTable<K, A, V>
}

/** Sessions grow together when a record comes between them, so that their aggregates need `merge`. */
export interface SessionStream<K, V> extends Omit<WindowedStream<K, V>, 'aggregate'> {
  aggregate<A>(
    name: string,
    aggregation: Aggregation<K, V, A> & { readonly merge: (left: A, right: A) => A } & CodecWhereLossy<'state', A>,
  ): WindowedTable<K, A, V>
}

/** A row of a top. */
export interface Ranked<K, A> {
  readonly key: K
  readonly value: A
}

/** The row of each key, as it changes. */
export interface Table<K, A> {
  /**
   * `update`: the rows that a batch changed, once each; deletions emit nothing (`to` writes them as null). `complete`: every row of the task,
   * in the order of key bytes, in each batch that changed or deleted one; all with the newest event time that went in. It reads the whole
   * store each time, into memory: for small tables.
   */
  emit(mode: 'update' | 'complete'): Stream<K, A>
  /** Each changed row, once a batch, as it was and as it is. */
  changes(): Stream<K, { readonly before: A | undefined; readonly after: A | undefined }>
  map<B>(fn: (row: A, key: K) => B): Table<K, B>
  filter(fn: (row: A, key: K) => boolean): Table<K, A>
  /**
   * The first `n` of all rows of all tasks, as one row under the key `''`: in the order of `compare`, as for Array.sort, and by key bytes
   * (unsigned) where that makes no difference. Each task sends its first rows to one that merges them, through a repartition topic; it reads
   * all of its rows anew when many of the first got worse or were deleted. `state`: how rows travel and are kept.
   */
  top(
    name: string,
    n: number,
    compare: (a: A, b: A) => number,
    ...options: LastWhereLossy<'state', A>
  ): Table<string, readonly Ranked<K, A>[]>
  /** Changed rows, with null for deleted ones: a compacted topic. */
  to(topic: string, options: SinkOptions<K, A> & KeyEncoder<K, A>): Sink
}

/** The row of each window and key. */
export interface WindowedTable<K, A, V = unknown> {
  /** Each window once, when it is final. */
  emit(mode: 'append'): Stream<K, Windowed<A> & { readonly closedBy: ClosedBy }>
  /**
   * `update`: each window as it changes, once a batch, and a last time with `closedBy`. `complete`: all open windows of the task, by end,
   * start and key bytes, in each batch that changed or closed one; all with the newest event time that went in, or at which one closed.
   * It reads all that is open each time, into memory: for few windows and keys.
   */
  emit(mode: 'update' | 'complete'): Stream<K, Windowed<A>>
  /**
   * Per window, the first `n` rows of all tasks, under the key `''`: final when the window is, in the order of `Table.top`. Of tumbling and
   * hopping windows: sessions and sliding windows lie differently for each key.
   */
  top(
    name: string,
    n: number,
    compare: (a: A, b: A) => number,
    ...options: LastWhereLossy<'state', A>
  ): WindowedTable<string, readonly Ranked<K, A>[], never>
  /** The records that came when every window they belong to had closed. */
  late(): Stream<K, V>
  /** Sessions with `startsWith`: the records that belong to no session. */
  outside(): Stream<K, V>
}
