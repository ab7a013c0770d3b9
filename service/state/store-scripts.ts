/** The inner port of a durable store: the scripts that run where the data is, each as one step that nothing can come between. */
import type { CountPage, EntryKey, FoundFacts, Marker, ScanPage, ScanRange, StoreId, StoreWrite } from './store-backend.ts'

/** What a script answers; the Lua files name the same numbers. */
export const scriptCode = { OK: 0, FENCED: 1, LOST: 2, MORE: 3, FOREIGN: 4 } as const

/** The store is what its owner takes it for; `T` is what was asked for. */
export interface Done<T> {
  readonly code: typeof scriptCode.OK
  readonly value: T
}
/** Another epoch owns the store. */
export interface Fenced {
  readonly code: typeof scriptCode.FENCED
  readonly epoch: string
}
/** The store is not what its owner left there. */
export interface Lost {
  readonly code: typeof scriptCode.LOST
  readonly reason: string
}
export type Answer<T> = Done<T> | Fenced | Lost

/** The epoch that owns the store from now on, and the marker that was found; null where the store must be rebuilt, for `reason`. */
export type Acquired =
  | { readonly epoch: string; readonly marker: Marker; readonly found: FoundFacts; readonly reason: null }
  | { readonly epoch: string; readonly marker: null; readonly found: null; readonly reason: string }

/** It is kept in another way than the caller's, and was left alone. */
export interface Foreign {
  readonly kind: string
}

export interface AcquireRequest {
  readonly nonce: string
  readonly topicId: string
  /** Fingerprint of what decides how the store is read; without one any store is taken. */
  readonly kind?: string
}
export interface LoadRequest {
  readonly epoch: string
  readonly at: Marker
  /** Where the store may stand instead, while a chunk is in flight. */
  readonly orAt: Marker
  readonly keys: readonly EntryKey[]
}
export interface CountRequest {
  readonly epoch: string
  readonly at: Marker
  /** Buckets behind this one; null for the first ones. */
  readonly after: Buffer | null
}
export interface ScanRequest extends ScanRange {
  readonly epoch: string
  readonly at: Marker
  /** As in LoadRequest. */
  readonly orAt: Marker
}
export interface ApplyRequest {
  readonly epoch: string
  readonly from: Marker
  readonly to: Marker
  readonly writes: readonly StoreWrite[]
  /** Null: what was known before still stands. */
  readonly leaderEpoch: number | null
  /** How many ms ago the changelog ended at `to`; null where it went on behind it. */
  readonly agoMs: number | null
}
export interface ConfirmRequest {
  readonly epoch: string
  readonly at: Marker
  /** How many ms ago the changelog ended there. */
  readonly agoMs: number
}
export interface RebuildRequest {
  readonly epoch: string
  readonly position: number
  /** −1: unknown. */
  readonly leaderEpoch: number
}

/** All throw StoreUnavailableError where the outcome is unknown, and FatalError for a defect. */
export interface StoreScripts {
  acquire(id: StoreId, request: AcquireRequest): Promise<Acquired | Foreign>
  load(id: StoreId, request: LoadRequest): Promise<Answer<readonly (Buffer | null)[]>>
  counts(id: StoreId, request: CountRequest): Promise<Answer<CountPage>>
  scan(id: StoreId, request: ScanRequest): Promise<Answer<ScanPage>>
  apply(id: StoreId, request: ApplyRequest): Promise<Answer<null>>
  confirm(id: StoreId, request: ConfirmRequest): Promise<Answer<null>>
  rebuild(id: StoreId, request: RebuildRequest): Promise<Answer<null>>
  close(): Promise<void>
}

/** A marker as it is stored and compared. */
export const markerText = (marker: Marker): string => `${marker.position}:${marker.chunk}`

/** The inverse of `markerText`; null for a text that is none. */
export function parseMarker(text: string): Marker | null {
  const match = /^(\d+):(\d+)$/.exec(text)
  return match ? { position: Number(match[1]), chunk: Number(match[2]) } : null
}
