/** The types that the interfaces of the language are made of. */
import type { CodecFor, Decoder, Encoder } from '../codec/codec.ts'
import type { Duration, EpochMs } from '../duration.ts'

/** Never there at run time: it keeps what looks alike apart. */
export declare const brand: unique symbol

type Lossy<T, Depth extends 0[] = []> = unknown extends T
  ? false
  : Depth['length'] extends 6
    ? false
    : T extends string | number | boolean | null | undefined
      ? false
      : T extends
            | bigint
            | symbol
            | Date
            | Uint8Array
            | ReadonlyMap<unknown, unknown>
            | ReadonlySet<unknown>
            | ((...args: never[]) => unknown)
        ? true
        : T extends readonly (infer E)[]
          ? Lossy<E, [...Depth, 0]>
          : { [P in keyof T]-?: Lossy<T[P], [...Depth, 0]> }[keyof T]

/** True where a value comes back from JSON as it went in: only there may `json()` be the default for state and repartition. */
export type IsJson<T> = true extends Lossy<T> ? false : true

/** An option `Name` that may be left out where JSON keeps the value. */
export type CodecWhereLossy<Name extends string, T> =
  IsJson<T> extends true ? { readonly [n in Name]?: CodecFor<T> } : { readonly [n in Name]: CodecFor<T> }

/** A last argument that may be left out where JSON keeps the value. */
export type LastWhereLossy<Name extends string, T, More = unknown> =
  IsJson<T> extends true
    ? [options?: More & { readonly [n in Name]?: CodecFor<T> }]
    : [options: More & { readonly [n in Name]: CodecFor<T> }]

/** The type of a key, given the type of one: a literal is not what all keys are. */
export type Widen<L> = L extends string ? string : L extends number ? number : L extends bigint ? bigint : L

/** No promise: functions of a topology are synchronous. */
export type NotAsync<W> = W extends PromiseLike<unknown> ? never : W

/** Of headers with one name, the last. Pass-through and dead letters copy them byte for byte. */
export type Headers = Readonly<Record<string, Buffer>>

/** What is known of a record beside its value. */
export interface RecordInfo<K> {
  readonly key: K
  readonly timestamp: EpochMs
  readonly headers: Headers
  /** Where it came from, for records that are one to one with an input record; carried through keyBy; absent for aggregates. */
  readonly source?: { readonly topic: string; readonly partition: number; readonly offset: bigint }
}

/** A function of a value and what is known of its record. */
export type Fn<K, V, R> = (value: V, record: RecordInfo<K>) => R

/** What a record gets that cannot be decoded, or that code of the topology throws on. */
export type Policy = 'stop' | 'skip' | 'dead-letter'

/** How a source reads its topic. */
export interface SourceOptions<K, V> {
  /** Default `text()`. */
  readonly key?: Decoder<K> | undefined
  readonly value: Decoder<V>
  /** Event time; default the record's own timestamp. NaN and the like are invalid. */
  readonly time?: (value: V, record: RecordInfo<K>) => EpochMs
  /** What a record that cannot be decoded gets. Default `'stop'`. `'dead-letter'` needs the topology's `deadLetterTopic`. */
  readonly onInvalid?: Policy
  /** Where a group with no committed offset begins. Default `'earliest'`. */
  readonly startAt?: 'earliest' | 'latest' | { readonly timestamp: EpochMs }
  /**
   * What becomes of records that were deleted before they were read, such as by the topic's retention. Default `'stop'`; `'earliest'` goes on
   * with the first record that is left, and counts what is missing.
   */
  readonly onDeleted?: 'stop' | 'earliest'
  /** The watermark trails the newest event time of a partition by this. Default 0. */
  readonly lateness?: Duration
  /**
   * A partition with nothing to read for this long stops holding the watermark back; when all are silent it moves by elapsed time, so that
   * windows close. Default 1 minute.
   */
  readonly idleAfter?: Duration | false
  /** A record further ahead of the clock than this is invalid. Default 1 day. */
  readonly futureMax?: Duration | false
}

export interface KeyByOptions {
  /** Names the repartition topic. Default: the store downstream, where there is exactly one; needed otherwise. */
  readonly name?: string
  /** Partitions of the repartition topic. Default: the most of its sources. */
  readonly partitions?: number
  /** The input is partitioned by this key already: no repartition topic. */
  readonly alreadyPartitioned?: boolean
}

/** How a sink writes its topic. */
export interface SinkOptions<K, V> {
  readonly value: Encoder<V>
  /** Default: murmur2 of the key, as Kafka's own clients do it. */
  readonly partition?: (key: Buffer | null, partitions: number) => number
  /** Default: the headers of the record, where it still has them. */
  readonly headers?: Fn<K, V, Headers>
}

/** How a sink writes its keys: a key that is not text needs a codec, or a function that makes it text. */
export type KeyEncoder<K, V> = K extends string
  ? { readonly key?: Encoder<string>; readonly keyOf?: Fn<K, V, string> }
  : { readonly key: Encoder<K>; readonly keyOf?: never } | { readonly keyOf: Fn<K, V, string>; readonly key?: never }

/** How an aggregate begins and goes on. */
export interface Aggregation<K, V, A> {
  readonly initial: (key: K) => A
  /** Returns the new aggregate, and leaves the old one as it was; `undefined` deletes. */
  readonly add: (aggregate: A, value: V, record: RecordInfo<K>) => A | undefined
  /**
   * The inverse of `add`, for windows of `batches`, which then go on from one to the next less the values that leave, kept until then. A
   * key stays, and has a row at each slide, also where nothing comes for it any more, until this (or `add`) returns `undefined`, which
   * deletes it: `undefined` for an aggregate of nothing is the filter that drops such keys. Other windows don't use it.
   */
  readonly remove?: (aggregate: A, value: V) => A | undefined
  /** What two sessions, or two slices of a window, become together: `left` is the earlier; neither may be changed. */
  readonly merge?: (left: A, right: A) => A
}

/** A table that every worker has whole, for `lookup`. */
export interface GlobalTable<V> {
  readonly [brand]: (value: V) => V
}

/** The end of a stream: what a topology is made of. */
export interface Sink {
  readonly [brand]: 'sink'
}
