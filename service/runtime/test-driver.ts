/** What a test can do with a topology (caudal/testing). */
import type { Duration } from '../duration.ts'

export interface TestDriverOptions {
  /** The wall clock, in ms. Default: the newest timestamp sent. */
  readonly now?: number
  /** Of every source and sink topic. Default 1. */
  readonly partitions?: number
  /** Default 1. */
  readonly workers?: number
  readonly batchRecordsMax?: number
  /** The address of the schema registry for codecs that name none. */
  readonly schemaRegistryUrl?: string
  /** Of everything random: ids and the jitter of pauses. */
  readonly seed?: number
}

export interface RecordToSend {
  readonly key?: unknown
  readonly value: unknown
  readonly timestamp?: number
  readonly partition?: number
  readonly headers?: Readonly<Record<string, Buffer>>
}
export interface BytesToSend {
  readonly key?: Buffer | null
  readonly value: Buffer | null
  readonly timestamp?: number
  readonly partition?: number
  readonly headers?: Readonly<Record<string, Buffer>>
}
export interface ReadRecord<V> {
  readonly key: unknown
  readonly value: V
  readonly timestamp: number
  readonly partition: number
  readonly headers: Readonly<Record<string, Buffer>>
}

/** The real tasks on an in-memory Kafka and a clock moved by hand. */
export interface TestDriver {
  /** Encodes with the source's codecs; `value: null` is a tombstone. @throws for a source that can only decode: sendBytes then. */
  send(topic: string, ...records: readonly RecordToSend[]): void
  sendBytes(topic: string, ...records: readonly BytesToSend[]): void
  /** Runs one micro-batch; moves the clock by one interval; resolves when it is committed. Rejects with the fault that stopped the worker. */
  batch(): Promise<void>
  /** Runs batches until no input is left. */
  drain(): Promise<void>
  /** drain, then moves every watermark to the end of time: all windows close. */
  finish(): Promise<void>
  /** Moves the clock, and runs the batches that fall due. */
  advance(by: Duration): Promise<void>
  /** Committed records since the last read, decoded with the sink's codecs; as Buffer where a sink can only encode. */
  read<V = unknown>(topic: string): readonly ReadRecord<V>[]
  /** The committed entries of a store, of all partitions; where it is of windows, the open ones of each key, as `{ start, end, value }`, by end. */
  state<V = unknown>(store: string): ReadonlyMap<string, V>
  /** A worker loses everything that is not committed, and starts again from what is. Default: all of them. */
  crash(worker?: number): Promise<void>
  stop(): Promise<void>
}
