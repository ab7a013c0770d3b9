/** What a batch writes to one topic: a row of record batches for each partition, none larger than the topic allows. */
import { RecordBatchBuilder, type RecordHeader, sizeOf } from '../kafka/records/record-batch-builder.ts'
import { RefusedError } from '../source/push.ts'
import { partitionOfKey } from './key-partition.ts'

export type Content = Buffer | string | null
/** A partition's number, a function of the topology that chooses it, or undefined: by the key. */
export type Partition = number | ((key: Buffer | null, partitions: number) => number) | undefined

/** Record batches whose memory is kept from one batch to the next: no more than a burst should leave behind. */
const spareMax = 32

export class TopicOutput {
  readonly topic: string
  readonly partitions: number
  readonly #messageBytesMax: number
  /** By partition, the last being the one that records go to. */
  readonly #batches: (RecordBatchBuilder[] | undefined)[] = []
  /** Empty, with memory that nobody else holds: fresh memory for every batch would be half of what passing records on costs. */
  readonly #spare: RecordBatchBuilder[] = []
  /** Where records without a key go. */
  #sticky = 0

  constructor(parts: { readonly topic: string; readonly partitions: number; readonly messageBytesMax: number }) {
    this.topic = parts.topic
    this.partitions = parts.partitions
    this.#messageBytesMax = parts.messageBytesMax
  }

  /** As in OutputBuffer. @throws RefusedError */
  append(
    partition: Partition,
    key: Content,
    value: Content,
    timestamp: number,
    headers: readonly RecordHeader[] | undefined,
  ): void {
    if (!(timestamp >= 0)) {
      const shown = Number.isNaN(timestamp) ? 'NaN' : `${timestamp} (before 1970)`
      throw new RefusedError('negative-time', `its time is ${shown}, which topic ${this.topic} cannot hold`)
    }
    const target = this.#targetOf(partition, key)
    const batches = (this.#batches[target] ??= [])
    const last = batches.at(-1)
    if (last !== undefined && last.byteLength + sizeOf(key, value, headers) <= this.#messageBytesMax) {
      last.append(key, value, timestamp, headers)
      return
    }
    batches.push(this.#alone(key, value, timestamp, headers))
    if (last !== undefined && target === this.#sticky) this.#sticky = (this.#sticky + 1) % this.partitions
  }

  *batches(): Iterable<{ readonly partition: number; readonly records: RecordBatchBuilder }> {
    for (const [partition, batches] of this.#batches.entries()) {
      for (const records of batches ?? []) if (records.count > 0) yield { partition, records }
    }
  }

  /** Keeps one builder for each partition that was written to. */
  clear(): void {
    for (const [partition, batches] of this.#batches.entries()) {
      const kept = batches?.find((records) => records.count > 0)
      kept?.reset()
      this.#batches[partition] = kept && [kept]
    }
    this.#sticky = (this.#sticky + 1) % this.partitions
  }

  /** Before `clear`, where every record batch was answered for: their memory serves the next ones. */
  recycle(): void {
    for (const [partition, batches] of this.#batches.entries()) {
      for (const records of batches ?? []) {
        records.recycle()
        if (this.#spare.length < spareMax) this.#spare.push(records)
      }
      this.#batches[partition] = undefined
    }
  }

  #targetOf(partition: Partition, key: Content): number {
    if (partition === undefined) return key === null ? this.#sticky : partitionOfKey(key, this.partitions)
    const target = typeof partition === 'number' ? partition : this.#chosen(partition, key)
    if (Number.isInteger(target) && target >= 0 && target < this.partitions) return target
    throw new RefusedError(
      'partition',
      `its partition is ${String(target)}, and topic ${this.topic} has 0 to ${this.partitions - 1}`,
    )
  }

  #chosen(choose: Exclude<Partition, number | undefined>, key: Content): number {
    try {
      return choose(typeof key === 'string' ? Buffer.from(key) : key, this.partitions)
    } catch (error) {
      throw new RefusedError('partition', `its partition could not be chosen: ${String(error)}`, error)
    }
  }

  /** A batch of one record: only writing it tells its size exactly. */
  #alone(key: Content, value: Content, timestamp: number, headers: readonly RecordHeader[] | undefined): RecordBatchBuilder {
    const batch = this.#spare.pop() ?? new RecordBatchBuilder()
    batch.append(key, value, timestamp, headers)
    if (batch.byteLength <= this.#messageBytesMax) return batch
    const limit = `max.message.bytes is ${this.#messageBytesMax}`
    throw new RefusedError('too-large', `it takes ${batch.byteLength} bytes in topic ${this.topic}, whose ${limit}`)
  }
}
