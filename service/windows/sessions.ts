/** The open sessions of one key: which of them a record joins, and what they are then. */
import type { Session } from '../codec/sessions.ts'

export type { Session } from '../codec/sessions.ts'

/**
 * In the order of their last events; further apart than the gap, but where the partition of a record that came between had passed the
 * earlier one already.
 */
export type Sessions = readonly Session[]

/** Where a record goes in: it joins the sessions from `from` to before `to`, none or one or more, and with them becomes [start, last]. */
export interface Place {
  readonly from: number
  readonly to: number
  readonly start: number
  readonly last: number
}

export interface Reach {
  readonly gapMs: number
  /** Sessions whose last event is older than this are closed to the record. */
  readonly closed: number
}

/** Events exactly `gapMs` apart are of one session. */
export function placeOf(time: number, sessions: Sessions, { gapMs, closed }: Reach): Place {
  let to = sessions.length
  let start = time
  let last = time
  // From the end: most records are the newest of their key.
  while (to > 0 && lastAt(sessions, to - 1) >= closed && startAt(sessions, to - 1) - time > gapMs) to -= 1
  let from = to
  while (from > 0 && lastAt(sessions, from - 1) >= closed && time - lastAt(sessions, from - 1) <= gapMs) {
    from -= 1
    start = Math.min(start, startAt(sessions, from))
    last = Math.max(last, lastAt(sessions, from))
  }
  return { from, to, start, last }
}

/** The sessions with `session` in the place of those that it is made of; without it where it is undefined. */
export function put(session: Session | undefined, { from, to }: Place, sessions: Sessions): Sessions {
  const added = session === undefined ? [] : [session]
  if (to - from === sessions.length) return added
  return sessions.toSpliced(from, to - from, ...added)
}

const startAt = (sessions: Sessions, index: number): number => sessions[index]?.start ?? Number.NaN
const lastAt = (sessions: Sessions, index: number): number => sessions[index]?.last ?? Number.NaN
