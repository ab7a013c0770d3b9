/** Sessions that records begin and end, and silence too where there is a gap: one is open at a time, and none is ever merged. */
import type { MarkerState } from '../codec/marker-sessions.ts'
import type { StreamRecord } from '../source/record.ts'
import type { SessionWindows as SessionSpec, Value } from '../topology/node.ts'
import { dueBucket } from '../windows/due-buckets.ts'
import { type MarkerRules, queued, type Step, stepOf } from '../windows/markers.ts'
import type { Session } from '../windows/sessions.ts'
import { fold, settled } from './fold.ts'
import type { Arrival, KeyLogic } from './keyed-windows.ts'
import type { OpenWindow } from './open-rows.ts'
import { SessionRows } from './session-rows.ts'
import { restoredRecord, storedRecord } from './stored-record.ts'
import { type LogicParts, tooLate } from './window-parts.ts'

/** What a record does to the open session of its key. */
interface Taken extends Step {
  readonly isEnd: boolean
  /** Of the session that the record is in; undefined where it is in none. */
  readonly aggregate: Value
}

export class MarkerSessions implements KeyLogic<MarkerState> {
  readonly holdBackMs: number
  readonly markAt = dueBucket
  readonly #parts: LogicParts<SessionSpec>
  readonly #operator: string
  readonly #windows: SessionSpec
  readonly #rules: MarkerRules
  readonly #rows: SessionRows

  constructor(parts: LogicParts<SessionSpec>) {
    const { node, outlets, keys } = parts
    const { gapMs, graceMs, startsWith } = node.windows
    this.#parts = parts
    this.#operator = `${node.function} '${node.name}'`
    this.#windows = node.windows
    this.#rules = { gapMs, needsStart: startsWith !== undefined }
    // Without a gap a session may be silent for long: its row carries the moment before what ended it.
    this.holdBackMs = graceMs + (gapMs ?? 1)
    this.#rows = new SessionRows({ node, outlets, keys, gapMs })
  }

  begin(): void {
    this.#rows.begin()
  }

  dueOf(state: MarkerState): number {
    return Math.min(this.#turnOf(state), this.#silenceOf(state))
  }

  add(state: MarkerState | undefined, arrival: Arrival): MarkerState | undefined {
    const before = state ?? { open: undefined, waiting: [] }
    return this.#windows.order === 'time' ? this.#queue(before, arrival, state) : this.#takeNow(before, arrival, state)
  }

  /** An event exactly the gap away is of the session: the turn of records comes before silence ends it. */
  close(key: string, state: MarkerState): MarkerState | undefined {
    const due = this.dueOf(state)
    let { open } = state
    if (this.#turnOf(state) > due) {
      if (open !== undefined && this.#rules.gapMs !== null)
        this.#rows.closed(key, open, { end: open.last + this.#rules.gapMs, closedBy: 'gap' })
      return orNothing({ open: undefined, waiting: state.waiting })
    }
    let taken = 0
    for (const stored of state.waiting) {
      if (stored.time + this.#windows.graceMs > due) break
      taken += 1
      const record = restoredRecord(stored, key, this.#parts.keys())
      const step = this.#stepOf(open, stored.value, record)
      if (step !== undefined) open = this.#apply(open, step, { value: stored.value, record })
    }
    return orNothing({ open, waiting: state.waiting.slice(taken) })
  }

  changed(key: string, { open }: MarkerState): void {
    if (open !== undefined) this.#rows.changed(key, [open])
  }

  flush(): void {
    this.#rows.flush()
  }

  open(key: string, { open }: MarkerState): readonly OpenWindow[] {
    return open === undefined ? [] : this.#rows.open(key, [open])
  }

  /** The watermark that has to be passed before the next record is taken: then none comes any more that is to be taken before it. */
  #turnOf({ waiting: [first] }: MarkerState): number {
    return first === undefined ? Number.POSITIVE_INFINITY : first.time + this.#windows.graceMs
  }

  #silenceOf({ open }: MarkerState): number {
    const { gapMs, graceMs } = this.#windows
    return open === undefined || gapMs === null ? Number.POSITIVE_INFINITY : open.last + gapMs + graceMs
  }

  #queue(before: MarkerState, { value, record, watermark }: Arrival, state: MarkerState | undefined): MarkerState | undefined {
    if (Math.max(watermark, record.stamp) > record.timestamp + this.#windows.graceMs) {
      tooLate(this.#parts, value, record)
      return state
    }
    return { open: before.open, waiting: queued(storedRecord(value, record), before.waiting) }
  }

  /** A record of the open session is not late, however old it is. */
  #takeNow(before: MarkerState, { value, record, watermark }: Arrival, state: MarkerState | undefined): MarkerState | undefined {
    const step = this.#stepOf(before.open, value, record)
    if (step === undefined) return state
    const { gapMs } = this.#rules
    if (gapMs !== null && step.into !== 'open' && Math.max(watermark, record.stamp) > record.timestamp + gapMs) {
      tooLate(this.#parts, value, record)
      return state
    }
    const open = this.#apply(before.open, step, { value, record })
    return open === before.open ? state : orNothing({ open, waiting: [] })
  }

  /** Undefined where code of the topology throws: such a record changes nothing. */
  #stepOf(open: Session | undefined, value: Value, record: StreamRecord): Taken | undefined {
    const { node, failed } = this.#parts
    try {
      const isStart = isMarker(this.#windows.startsWith, value)
      const isEnd = isMarker(this.#windows.endsWith, value)
      const step = stepOf(open, { time: record.timestamp, isStart }, this.#rules)
      if (step.into === 'outside') return { ...step, isEnd, aggregate: undefined }
      return { ...step, isEnd, aggregate: fold(node, step.into === 'open' ? open?.value : undefined, value, record) }
    } catch (error) {
      failed(this.#operator, error, record)
      return undefined
    }
  }

  /** Returns the session that is open then. */
  #apply(open: Session | undefined, taken: Taken, { value, record }: Pick<Arrival, 'value' | 'record'>): Session | undefined {
    const { ended, into, isEnd, aggregate } = taken
    const { timestamp: time, keyLatin1 } = record
    const key = keyLatin1 ?? ''
    if (open !== undefined && ended !== undefined) this.#rows.closed(key, open, ended)
    if (into === 'outside') {
      this.#parts.outlets.outside?.(value, record)
      this.#parts.outside(record)
      return undefined
    }
    if (aggregate === undefined) return undefined
    const joined = into === 'open' && open !== undefined ? open : undefined
    const start = Math.min(time, joined?.start ?? time)
    const session = { start, last: Math.max(time, joined?.last ?? time), value: aggregate }
    this.#rows.made(session, joined === undefined ? [] : [joined])
    if (!isEnd) return session
    this.#rows.closed(key, session, { end: session.last + 1, closedBy: 'marker' })
    return undefined
  }
}

function isMarker(test: ((value: Value) => boolean) | undefined, value: Value): boolean {
  return Boolean(settled(test?.(value)))
}

const orNothing = (state: MarkerState): MarkerState | undefined =>
  state.open === undefined && state.waiting.length === 0 ? undefined : state
