/**
 * The port of a state backend: one store partition, held as a view of its changelog. It may lag, may lose anything, and may never
 * lead; the marker says up to where it follows, and the epoch who may write (P12–P14).
 */

export interface StoreId {
  /** The prefix of all names that leave the process. */
  readonly application: string
  readonly store: string
  readonly partition: number
}

/**
 * How far a store follows its changelog: every record below `position` is in it and, where `chunk` is not 0, the first `chunk` chunks
 * of the segment that begins at `position`.
 */
export interface Marker {
  readonly position: number
  readonly chunk: number
}

/** A key among the keyed entries or, with `bucket` (8 bytes, big-endian, sign bit flipped), in a bucket. A store may hold both. */
export interface EntryKey {
  readonly bucket: Buffer | null
  readonly key: Buffer
}

/** Null deletes. */
export interface StoreWrite extends EntryKey {
  readonly value: Buffer | null
}

/**
 * What the caller knows of the changelog at a marker, and the next owner will want to know (P13). Nothing said is never wrong: what was
 * known at an earlier marker still stands, and at worst the store is built anew where it need not be.
 */
export interface MarkerFacts {
  /** An epoch in which the leader of the changelog had every record that the marker stands for. */
  readonly leaderEpoch?: number
  /** Monotonic, ms: when the changelog had nothing behind the marker. */
  readonly currentAt?: number
}

/** At most `chunkEntriesMax` writes and `chunkBytesMax` bytes; applied only onto the exact marker `from`. */
export interface Chunk extends MarkerFacts {
  readonly from: Marker
  readonly to: Marker
  readonly writes: readonly StoreWrite[]
}
export const chunkEntriesMax = 1000
export const chunkBytesMax = 256 * 1024

/** What a write counts for in chunks: its bytes and a flat rate for what holds them. */
export const writeBytes = (write: StoreWrite): number =>
  16 + (write.bucket?.length ?? 0) + write.key.length + (write.value?.length ?? 0)

/** What a write takes of the heap, about, until it is applied: its buffers, and its entry, which is pinned. */
export const heldBytes = (write: StoreWrite): number => 500 + writeBytes(write)

/** A bucket that holds something, and how much. */
export interface BucketSize {
  readonly bucket: Buffer
  readonly entries: number
}

export interface CountPage {
  /** How many keyed entries there are. */
  readonly keyed: number
  /** Some of the buckets that hold anything, in the order of their bytes; none where there are no more. */
  readonly buckets: readonly BucketSize[]
}

export interface ScanRange {
  /** Null for the keyed entries. */
  readonly bucket: Buffer | null
  /** Null for the beginning; else as the page before said. */
  readonly cursor: string | null
  /** At most `chunkEntriesMax`. */
  readonly entriesMax: number
}

export interface ScanPage {
  /** In no order; some more than were asked for, or none, may be among them; they end once they have some `chunkBytesMax` bytes. */
  readonly entries: readonly { readonly key: Buffer; readonly value: Buffer }[]
  /** Null where this is the last one. */
  readonly cursor: string | null
}

/** What the owners before knew of the changelog at the marker that they left. */
export interface FoundFacts {
  /** −1: unknown. */
  readonly leaderEpoch: number
  /** For how many ms the changelog may have had something behind the marker, by the backend's clock; below 0 where that was set back. */
  readonly ageMs: number
}

/**
 * Takes a write as it stands in a changelog: its bucket (hex digits; '' for a keyed entry), and where its key and its value are in a block of
 * bytes, which is the caller's again afterwards; no place of the value deletes.
 */
export type TakeRecord = (
  bucket: string,
  block: Buffer,
  key: number,
  keyEnd: number,
  value: number | null,
  valueEnd: number,
) => void

export interface StoreHandle {
  readonly id: StoreId
  /** What the store held when it was acquired; null where it held nothing that can be trusted and must be rebuilt. */
  readonly marker: Marker | null
  /** Why the marker is null, for logs; null where there is a marker. */
  readonly untrusted: string | null
  /** Of the marker that was found; null where there is none. */
  readonly found: FoundFacts | null
  /**
   * The values of at most `chunkEntriesMax` keys, in their order; null where there is none. Checks the epoch, the marker and the
   * number of fields. The store must stand at `at` or at `orAt`: while a chunk is in flight, or was sent and its outcome is unknown,
   * these are the markers before and after it. The caller keeps the keys of that chunk in memory and asks for others only, which
   * have one value at both.
   * @throws StoreFencedError, StoreLostError, StoreUnavailableError
   */
  load(at: Marker, keys: readonly EntryKey[], orAt?: Marker): Promise<readonly (Buffer | null)[]>
  /** What there is, with the buckets behind `after` (null: from the first on). @throws as load */
  counts(at: Marker, after: Buffer | null): Promise<CountPage>
  /**
   * Some of the entries of a bucket, or of the keyed ones, as they are at `at` or `orAt`: the caller knows of every change that may be applied in between. From
   * the first page to the last, an entry that was there all the time is in one page at least; one may be in two; those that came or went
   * in between may be in one or in none. @throws as load
   */
  scan(at: Marker, range: ScanRange, orAt?: Marker): Promise<ScanPage>
  /** Applies one chunk, or finds that it was applied already. @throws as load */
  apply(chunk: Chunk): Promise<void>
  /**
   * For a backend that is no further away than its entries: all that `hand` gives to what it is given, in order, as one step from the marker
   * `from` to {to, 0}; without chunks, and without an object for each write. @throws as load
   */
  applyRecords?(from: Marker, to: number, hand: (take: TakeRecord) => void): void
  /** The store stands at `at`, and the changelog had nothing behind it at `currentAt` (monotonic, ms). @throws as load */
  confirm(at: Marker, currentAt: number): Promise<void>
  /**
   * Marks the store as being rebuilt, deletes all of it, and leaves it empty at the marker {position, 0}, before the changelog is read
   * from there. `leaderEpoch`: as in MarkerFacts; unknown where it is not given. @throws as load
   */
  rebuild(position: number, leaderEpoch?: number): Promise<void>
}

export interface StoreBackend {
  /** For logs: `memory` or `redis`. */
  readonly kind: string
  /** True where the contents outlive the process, so that a marker may be found. */
  readonly durable: boolean
  /**
   * Takes the store over: from now on every other handle on it is fenced. `kind`: fingerprint of what decides how it is read; one that is
   * held under another is left alone. @throws StoreUnavailableError; FatalError for a store of another kind
   */
  acquire(id: StoreId, changelogTopicId: string, kind?: string): Promise<StoreHandle>
  close(): Promise<void>
}
