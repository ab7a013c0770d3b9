/** Sessions that records begin and end: what becomes of the open session of a key when the next record is taken. */
import type { Session } from '../codec/sessions.ts'
import type { StoredRecord } from '../codec/stored-records.ts'

/** What ended a session, and where its row ends. */
export interface Ending {
  readonly end: number
  readonly closedBy: 'gap' | 'marker'
}

export interface MarkerRules {
  /** Null: silence ends nothing. */
  readonly gapMs: number | null
  /** Whether only a start opens a session. */
  readonly needsStart: boolean
}

export interface Turn {
  readonly time: number
  readonly isStart: boolean
}

export interface Step {
  /** What ends the session that is open, before the record is taken. */
  readonly ended: Ending | undefined
  /** Where the record goes. */
  readonly into: 'open' | 'new' | 'outside'
}

/** Records come in the order in which they are to be taken; where that is not the order of time, an older one belongs to what is open. */
export function stepOf(open: Session | undefined, { time, isStart }: Turn, { gapMs, needsStart }: MarkerRules): Step {
  const ended = open === undefined ? undefined : endingOf(open, { time, isStart }, gapMs)
  if (open !== undefined && ended === undefined) return { ended, into: 'open' }
  return { ended, into: needsStart && !isStart ? 'outside' : 'new' }
}

function endingOf({ last }: Session, { time, isStart }: Turn, gapMs: number | null): Ending | undefined {
  if (gapMs !== null && time - last > gapMs) return { end: last + gapMs, closedBy: 'gap' }
  return isStart ? { end: Math.max(time, last), closedBy: 'marker' } : undefined
}

/** The records with one more in its place: by time, then by where they came from. */
export function queued(record: StoredRecord, waiting: readonly StoredRecord[]): readonly StoredRecord[] {
  let at = waiting.length
  // From the end: most records are the newest of their key.
  for (let before = waiting[at - 1]; before !== undefined && isBefore(record, before); before = waiting[at - 1]) at -= 1
  return waiting.toSpliced(at, 0, record)
}

function isBefore(a: StoredRecord, b: StoredRecord): boolean {
  if (a.time !== b.time) return a.time < b.time
  if (a.origin === undefined || b.origin === undefined) return false
  const [x, y] = [a.origin, b.origin]
  if (x.topic !== y.topic) return x.topic < y.topic
  return x.partition === y.partition ? x.offset < y.offset : x.partition < y.partition
}
