/** One partition that is being fetched: decoded chunks in front of a reader, and where the fetching stands. */
import type { CaudalError } from '../errors.ts'
import type { RecordColumns } from './records/record-columns.ts'

export interface FetchedChunk {
  /** May be empty: control batches and aborted records move the position all the same. */
  readonly columns: RecordColumns
  /** The reader's position behind this chunk. */
  readonly nextOffset: number
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

/** The fetcher's side of a feed. */
export class FetchingFeed implements Feed {
  readonly topic: string
  readonly partition: number
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

  constructor(topic: string, partition: number, position: number, roomFreed: (feed: FetchingFeed) => void) {
    this.topic = topic
    this.partition = partition
    this.position = position
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
}
