/** The types of windows and of their rows. */
import type { Duration, EpochMs } from '../duration.ts'
import type { brand } from './types.ts'

/** How records are gathered in event time, given to `window`. */
export interface Windows<in V> {
  readonly [brand]: (value: V) => void
}

/** Windows that grow together as records come, so that their aggregates must be able to, too. */
export interface SessionWindows<in V> extends Windows<V> {
  readonly merges: true
}

export interface WindowOptions {
  /** How long past its end, by the watermark, a window still takes records. Default 0. */
  readonly grace?: Duration
  /** Shifts the alignment: days of another time zone. */
  readonly offset?: Duration
}

interface SessionBounds<V> {
  /** Silence of more than this ends a session. */
  readonly gap: Duration
  /** A record that opens a session, and ends the one before; no other record opens one. */
  readonly startsWith: (value: V) => boolean
  /** A record that ends its session, which it still belongs to. */
  readonly endsWith: (value: V) => boolean
}
type AtLeastOne<T> = { [P in keyof T]: Required<Pick<T, P>> & Partial<Omit<T, P>> }[keyof T]

export type SessionOptions<V> = AtLeastOne<SessionBounds<V>> & {
  /** How long past its end, by the watermark, a session still takes records. Default 0. */
  readonly grace?: Duration
  /** How records meet the markers: in order of time (the default), waiting for the watermark; or of arrival, as they come. */
  readonly order?: 'time' | 'arrival'
}

/** `append`: final rows, once. `update`: rows as they change, once a batch. `complete`: all rows, in each batch that changed one. */
export type OutputMode = 'append' | 'update' | 'complete'

/** What ended a window: time passed its end; silence, or a record, ended a session. */
export type ClosedBy = 'time' | 'gap' | 'marker'

/** The row of one window and key. `end` is exclusive. A session's is its last event + gap; with a marker, the marker's time + 1, or the next start. */
export interface Windowed<A> {
  readonly start: EpochMs
  readonly end: EpochMs
  readonly value: A
  /** What ended it; absent while it is open. */
  readonly closedBy?: ClosedBy
  /** In `update`: the earlier rows of this key that this row takes the place of (sessions that grew or merged). */
  readonly replaces?: readonly { readonly start: EpochMs; readonly end: EpochMs }[]
}
