/** What was sent, and what was seen of the answer: plain values, gathered by a reader that shares no code with the service. */

/** Keys and values are their bytes as latin1. */
export interface LogRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** ms since 1970. */
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
}

/** As a read_committed reader got it while it was written. */
export interface SeenRecord extends LogRecord {
  readonly atMs: number
}

/** Input that Kafka has acknowledged. */
export interface SentRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string
}

export interface CommittedOffset {
  readonly atMs: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

export interface PartitionEnds {
  readonly topic: string
  readonly partition: number
  /** The first offset that is still there. */
  readonly first: number
  /** How far a read_committed reader comes. */
  readonly stable: number
  readonly end: number
}

/** All topics as they stand in the end, each partition in the order of its offsets. */
export interface FinalRead {
  readonly committed: readonly LogRecord[]
  /** Records of aborted and open transactions too. */
  readonly raw: readonly LogRecord[]
  readonly ends: readonly PartitionEnds[]
}

/** What Redis holds of one partition of a store: entries by the key that they have in the changelog. */
export interface HeldStore {
  readonly store: string
  readonly partition: number
  readonly entries: ReadonlyMap<string, string>
}

export interface History {
  /** The topic that was written to. */
  readonly input: string
  /** In the order of sending; acknowledged all. */
  readonly sent: readonly SentRecord[]
  /** Of the outputs, in the order in which they were seen. */
  readonly seen: readonly SeenRecord[]
  readonly final: FinalRead
  /** Of the group, as it was seen to change; the last of each partition are the final ones. */
  readonly offsets: readonly CommittedOffset[]
  /** By store, its changelog. */
  readonly changelogs: ReadonlyMap<string, string>
  /** Null: the state was held in memory. */
  readonly redis: readonly HeldStore[] | null
  /** Changelogs were compacted: what newer records replaced may be gone. */
  readonly isCompacted: boolean
}
