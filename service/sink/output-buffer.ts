/** All records that a batch writes, encoded as they come, by topic and partition; a worker produces them in one transaction. */
import { FatalError } from '../errors.ts'
import type { Compression } from '../kafka/records/compression.ts'
import type { RecordBatchBuilder, RecordHeader } from '../kafka/records/record-batch-builder.ts'
import { RefusedError } from '../source/push.ts'
import { type Content, type Partition, TopicOutput } from './topic-output.ts'

export interface OutputBufferOptions {
  /** Undefined for a topic that nobody asked Kafka about yet. */
  readonly partitionsOf: (topic: string) => number | undefined
  /** `max.message.bytes` of the topic. */
  readonly messageBytesMax: (topic: string) => number
  readonly compression: Compression
}

/** One record batch for a partition; those of one partition follow one another in order. */
export interface OutputBatch {
  readonly topic: string
  readonly partition: number
  readonly records: RecordBatchBuilder
  readonly compression: Compression
}

/** A record for a topic that nobody asked Kafka about yet. */
export interface WaitingRecord {
  readonly topic: string
  readonly partition: Partition
  readonly key: Content
  readonly value: Content
  readonly timestamp: number
  readonly headers: readonly RecordHeader[] | undefined
  /** Called instead of an exception, as whoever appended is gone by then. */
  readonly refused: (error: RefusedError) => void
}

export class OutputBuffer {
  readonly #options: OutputBufferOptions
  readonly #topics = new Map<string, TopicOutput>()
  readonly #waiting = new Map<string, WaitingRecord[]>()

  constructor(options: OutputBufferOptions) {
    this.#options = options
  }

  /** True where `append` puts records of the topic into their partition at once. */
  knows(topic: string): boolean {
    return this.#output(topic) !== undefined
  }

  /**
   * Adds a record. `partition`: its number, a function that chooses it, or undefined for the key's hash and, without a key, for one that
   * stays the same until a record batch is full. Text is written as UTF-8, in place. A record of a topic that is not known waits.
   * Not an options object: this runs once a record.
   * @throws RefusedError where the record is too large, is older than 1970, or has no such partition
   */
  append(
    topic: string,
    partition: Partition,
    key: Content,
    value: Content,
    timestamp: number,
    headers: readonly RecordHeader[] | undefined,
  ): void {
    const output = this.#output(topic)
    if (output !== undefined) output.append(partition, key, value, timestamp, headers)
    else this.appendLater({ topic, partition, key, value, timestamp, headers, refused: stop })
  }

  /** Keeps a record until `resolve` says what its topic is. */
  appendLater(record: WaitingRecord): void {
    const waiting = this.#waiting.get(record.topic)
    if (waiting === undefined) this.#waiting.set(record.topic, [record])
    else waiting.push(record)
  }

  /** Topics that records wait for: ask Kafka about them, then `resolve` each, then take `batches`. */
  unresolvedTopics(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  /** Appends what waited for the topic, in order. Undefined where the topic does not exist: its records are refused. */
  resolve(topic: string, partitions: number | undefined): void {
    const waiting = this.#waiting.get(topic) ?? []
    this.#waiting.delete(topic)
    const output = partitions === undefined ? undefined : this.#open(topic, partitions)
    for (const { partition, key, value, timestamp, headers, refused } of waiting) {
      try {
        if (output === undefined)
          throw new RefusedError('unknown-topic', `topic ${topic} does not exist: create it, or write to another`)
        output.append(partition, key, value, timestamp, headers)
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error
        refused(error)
      }
    }
  }

  /** The record batches so far, none larger than its topic allows; those of a partition in order. */
  batches(): OutputBatch[] {
    const { compression } = this.#options
    const batches: OutputBatch[] = []
    for (const [topic, output] of this.#topics) {
      for (const { partition, records } of output.batches()) batches.push({ topic, partition, records, compression })
    }
    return batches
  }

  /** Uncompressed. */
  get byteLength(): number {
    return this.batches().reduce((sum, { records }) => sum + records.byteLength, 0)
  }

  get recordCount(): number {
    return this.batches().reduce((sum, { records }) => sum + records.count, 0)
  }

  /** Records by topic. */
  recordCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { topic, records } of this.batches()) counts.set(topic, (counts.get(topic) ?? 0) + records.count)
    return counts
  }

  /** Empties it for the next batch. What one batch used stays allocated for the next; topics whose partitions became more begin anew. */
  clear(): void {
    this.#waiting.clear()
    for (const [topic, output] of this.#topics) {
      if (this.#options.partitionsOf(topic) !== output.partitions) this.#topics.delete(topic)
      else output.clear()
    }
  }

  /** As `clear`, where all that `batches` gave out was answered for, and nobody holds its bytes any more. */
  recycle(): void {
    for (const output of this.#topics.values()) output.recycle()
    this.clear()
  }

  #output(topic: string): TopicOutput | undefined {
    const output = this.#topics.get(topic)
    if (output !== undefined) return output
    const partitions = this.#options.partitionsOf(topic)
    return partitions === undefined || this.#waiting.has(topic) ? undefined : this.#open(topic, partitions)
  }

  #open(topic: string, partitions: number): TopicOutput {
    const output = new TopicOutput({ topic, partitions, messageBytesMax: this.#options.messageBytesMax(topic) })
    this.#topics.set(topic, output)
    return output
  }
}

function stop(error: RefusedError): never {
  throw new FatalError(error.message, { cause: error })
}
