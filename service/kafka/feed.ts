/** One partition that is being fetched: decoded chunks in front of a reader, and where the fetching stands. */
import type { CaudalError } from '../errors.ts'
import { RecordColumns } from './records/record-columns.ts'

export interface FetchedChunk {
  /** May be empty: control batches and aborted records move the position all the same. */
  readonly columns: RecordColumns
  /** The reader's position behind this chunk. */
  readonly nextOffset: number
  /** How many offsets in front of it went unread, as their records were deleted; absent: none. */
  readonly deleted?: number
  /** What the chunk counts for in the read-ahead; goes into `consumed`. */
  readonly byteLength: number
}

export interface Feed {
  readonly topic: string
  readonly partition: number
  /** Oldest first; the reader takes them off and calls `consumed`. */
  readonly chunks: FetchedChunk[]
  /** The next offset to be fetched: behind everything in `chunks`. */
  readonly position: number
  /** −1 before the first answer. */
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly bufferedBytes: number
  /** Monotonic milliseconds of the last answered fetch of this partition; −Infinity before the first. */
  readonly answeredAt: number
  /** Ends the feed: nothing more is fetched. */
  readonly error: CaudalError | null
  /** Makes room in the read-ahead. */
  consumed(bytes: number): void
}

/** What becomes of records that were deleted before they were read: a fault, or the first that is left. */
export type OnDeleted = 'stop' | 'earliest'

/** What is to be fetched, and from where. */
export interface FeedStart {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly onDeleted: OnDeleted
}

/** The fetcher's side of a feed. */
export class FetchingFeed implements Feed {
  readonly topic: string
  readonly partition: number
  readonly onDeleted: OnDeleted
  readonly chunks: FetchedChunk[] = []
  position: number
  highWatermark = -1
  lastStableOffset = -1
  bufferedBytes = 0
  answeredAt = Number.NEGATIVE_INFINITY
  error: CaudalError | null = null
  /** What Fetch says it knows of the leader, so that another one refuses (KIP-320). */
  leaderEpoch = -1
  /** How often in a row its leader had to be looked for. */
  detours = 0
  /** How many answers in a row held records behind the end of the log that they announced. */
  beyondEnd = 0
  inFlight = false
  removed = false
  readonly #roomFreed: (feed: FetchingFeed) => void

  constructor(start: FeedStart, roomFreed: (feed: FetchingFeed) => void) {
    this.topic = start.topic
    this.partition = start.partition
    this.position = start.offset
    this.onDeleted = start.onDeleted
    this.#roomFreed = roomFreed
  }

  consumed(bytes: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - bytes)
    this.#roomFreed(this)
  }

  push(chunk: FetchedChunk): void {
    this.chunks.push(chunk)
    this.bufferedBytes += chunk.byteLength
    this.position = chunk.nextOffset
  }

  /** Goes on at an offset behind what was deleted. The reader gets a chunk without records, so that its position is committed. */
  skipTo(offset: number): void {
    this.push({ columns: new RecordColumns(0), nextOffset: offset, deleted: offset - this.position, byteLength: 0 })
  }
}
