/** The log of one partition: batches at their offsets, the last stable offset, aborted transactions, leader epochs. */
import type { BatchHeader } from '../kafka/records/batch-header.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import { ProducerStates } from './producer-states.ts'
import { controlBatch, isTransactional, type Marker, rebaseBatch, type StoredBatch } from './stored-batch.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker that aborted it. */
  readonly lastOffset: number
}

export interface AppendResult {
  readonly errorCode: number
  /** Where the first record is; -1 with an error. A repeated batch has the offset of the first time. */
  readonly baseOffset: number
}

export interface ReadResult {
  /** Whole batches but for the last, which may be cut off, as a broker does. */
  readonly records: Buffer
  readonly aborted: readonly AbortedTransaction[]
}

export interface ReadOptions {
  readonly offset: number
  /** read_committed: nothing at or above the last stable offset. */
  readonly committed: boolean
  readonly bytesMax: number
  /** Return the first batch even if it is larger than `bytesMax`. */
  readonly atLeastOne: boolean
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly producers = new ProducerStates()
  leader: number
  leaderEpoch = 0
  /** Of an internal topic: the coordinator has only just moved here, and still reads. */
  isLoading = false
  #batches: StoredBatch[] = []
  #startOffset = 0
  #endOffset = 0
  readonly #aborted: AbortedTransaction[] = []
  readonly #epochStarts: { readonly epoch: number; readonly offset: number }[] = [{ epoch: 0, offset: 0 }]
  readonly #watchers = new Set<() => void>()

  constructor(topic: string, partition: number, leader: number) {
    this.topic = topic
    this.partition = partition
    this.leader = leader
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  get startOffset(): number {
    return this.#startOffset
  }

  /** The offset of the next record. There is one replica, so it is the high watermark too. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** First offset of the oldest open transaction, or the end; never before the start (DeleteRecords passes open transactions by). */
  get lastStableOffset(): number {
    return Math.max(this.#startOffset, this.producers.firstOpen() ?? this.#endOffset)
  }

  /** Appends a batch that has been checked but for its producer's epoch and sequences. */
  append(bytes: Buffer, header: BatchHeader): AppendResult {
    if (header.producerId >= 0) {
      const duplicateOffset = header.baseSequence < 0 ? undefined : this.producers.duplicateOf(header)
      if (duplicateOffset !== undefined) return { errorCode: errorCode.NONE, baseOffset: duplicateOffset }
      const verdict = this.producers.check(header)
      if (verdict !== errorCode.NONE) return { errorCode: verdict, baseOffset: -1 }
    }
    const stored = this.#write(bytes)
    if (header.producerId >= 0) this.producers.appended(stored.header)
    this.#changed()
    return { errorCode: errorCode.NONE, baseOffset: stored.header.baseOffset }
  }

  /** Ends the transaction of a producer on this partition; the marker takes an offset of its own. */
  appendMarker(marker: Marker): void {
    const { header } = this.#write(controlBatch(marker))
    const firstOffset = this.producers.ended(header)
    if (!marker.commit && firstOffset !== null) {
      this.#aborted.push({ producerId: marker.producerId, firstOffset, lastOffset: header.lastOffset })
    }
    this.#changed()
  }

  /** Reads batches from the one that holds `offset` on. Aborted transactions are listed in the order in which they ended. */
  read({ offset, committed, bytesMax, atLeastOne }: ReadOptions): ReadResult {
    const limit = committed ? this.lastStableOffset : this.#endOffset
    const parts: Buffer[] = []
    let room = bytesMax
    let upper = offset
    for (let index = this.#indexOf(offset); index < this.#batches.length && room > 0; index++) {
      const batch = this.#batches[index]
      if (batch === undefined || batch.header.lastOffset >= limit) break
      const first = parts.length === 0
      if (first && batch.bytes.length > room && !atLeastOne) break
      const bytes = first ? batch.bytes : batch.bytes.subarray(0, room)
      parts.push(bytes)
      room -= bytes.length
      upper = batch.header.lastOffset + 1
    }
    const aborted = committed ? this.#aborted.filter((a) => a.lastOffset >= offset && a.firstOffset < upper) : []
    return { records: Buffer.concat(parts), aborted: parts.length === 0 ? [] : aborted }
  }

  /** How many bytes a read from `offset` could return, counted no further than to `enough`. */
  readableBytes(offset: number, committed: boolean, enough: number): number {
    const limit = committed ? this.lastStableOffset : this.#endOffset
    let bytes = 0
    for (let index = this.#indexOf(offset); index < this.#batches.length && bytes < enough; index++) {
      const batch = this.#batches[index]
      if (batch === undefined || batch.header.lastOffset >= limit) break
      bytes += batch.bytes.length
    }
    return bytes
  }

  /** Moves the start of the log; whole batches before it are dropped. Open transactions are no obstacle. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return
    this.#startOffset = offset
    this.#batches = this.#batches.filter((batch) => batch.header.lastOffset >= offset)
    this.#changed()
  }

  /** Puts other batches in the place of those below the last stable offset, as the log cleaner does. */
  replaceStable(batches: readonly StoredBatch[]): void {
    const stable = this.lastStableOffset
    this.#batches = [...batches, ...this.#batches.filter((batch) => batch.header.lastOffset >= stable)]
  }

  isAborted(header: BatchHeader): boolean {
    if (!isTransactional(header)) return false
    const { producerId, baseOffset, lastOffset } = header
    return this.#aborted.some((a) => a.producerId === producerId && a.firstOffset <= baseOffset && lastOffset < a.lastOffset)
  }

  moveLeader(node: number): void {
    this.leader = node
    this.leaderEpoch += 1
    this.#epochStarts.push({ epoch: this.leaderEpoch, offset: this.#endOffset })
    this.#changed()
  }

  /** The newest epoch not above `epoch` and the offset where the one after it begins, as OffsetForLeaderEpoch answers. */
  endOfEpoch(epoch: number): { readonly leaderEpoch: number; readonly endOffset: number } {
    if (epoch === this.leaderEpoch) return { leaderEpoch: epoch, endOffset: this.#endOffset }
    const known = this.#epochStarts.findLast((start) => start.epoch <= epoch)
    const next = this.#epochStarts.find((start) => start.epoch > epoch)
    if (known === undefined || next === undefined) return { leaderEpoch: -1, endOffset: -1 }
    return { leaderEpoch: known.epoch, endOffset: next.offset }
  }

  /**
   * An unclean election: `node` leads from now on, and has no record from `offset` on, committed or not. A batch that reaches beyond goes
   * whole. Producers are remembered with all that they wrote, so that one which lost a batch here must go on under another epoch.
   */
  truncate(offset: number, node: number): void {
    if (this.lastStableOffset < this.#endOffset) throw new Error('A log with open transactions is not truncated here.')
    this.#batches = this.#batches.filter((batch) => batch.header.lastOffset < offset)
    this.#endOffset = Math.max(this.#startOffset, (this.#batches.at(-1)?.header.lastOffset ?? -1) + 1)
    while ((this.#epochStarts.at(-1)?.offset ?? -1) > this.#endOffset) this.#epochStarts.pop()
    this.moveLeader(node)
  }

  /** Calls `watcher` after every change to what can be read, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  #write(bytes: Buffer): StoredBatch {
    const stored = rebaseBatch(bytes, this.#endOffset, this.leaderEpoch)
    this.#batches.push(stored)
    this.#endOffset = stored.header.lastOffset + 1
    return stored
  }

  /** Index of the first batch that ends at or after `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#batches[middle]?.header.lastOffset ?? offset) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}
