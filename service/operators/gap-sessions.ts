/** Sessions that are ended by silence alone: events of a key that are no further apart than the gap, in whatever order they come. */
import { FatalError } from '../errors.ts'
import type { StreamRecord } from '../source/record.ts'
import type { SessionWindows as SessionSpec, Value } from '../topology/node.ts'
import { dueBucket } from '../windows/due-buckets.ts'
import { placeOf, put, type Sessions } from '../windows/sessions.ts'
import { fold, settled } from './fold.ts'
import type { Arrival, KeyLogic } from './keyed-windows.ts'
import type { OpenWindow } from './open-rows.ts'
import { SessionRows } from './session-rows.ts'
import { type LogicParts, tooLate } from './window-parts.ts'

export class GapSessions implements KeyLogic<Sessions> {
  readonly holdBackMs: number
  readonly markAt = dueBucket
  readonly #parts: LogicParts<SessionSpec>
  readonly #operator: string
  readonly #gapMs: number
  readonly #merge: (left: Value, right: Value) => Value
  readonly #rows: SessionRows

  constructor(parts: LogicParts<SessionSpec>) {
    const { node, outlets, keys } = parts
    const { gapMs, graceMs } = node.windows
    if (gapMs === null || node.merge === undefined)
      throw new FatalError('Defect in caudal: sessions without a gap, or without merge.')
    this.#parts = parts
    this.#operator = `${node.function} '${node.name}'`
    this.#gapMs = gapMs
    this.#merge = node.merge
    this.holdBackMs = gapMs + graceMs
    this.#rows = new SessionRows({ node, outlets, keys, gapMs })
  }

  begin(): void {
    this.#rows.begin()
  }

  dueOf([first]: Sessions): number {
    return first === undefined ? Number.POSITIVE_INFINITY : first.last + this.holdBackMs
  }

  /**
   * A record within the gap of an open session joins it, however old it is: what counts is whether the session that they become is late.
   * One that the record's own partition has passed is not open to it: whether others have passed it too depends on how far they are.
   */
  add(state: Sessions | undefined, { value, record, watermark }: Arrival): Sessions | undefined {
    const { failed } = this.#parts
    const open = state ?? []
    const place = placeOf(record.timestamp, open, { gapMs: this.#gapMs, closed: record.stamp - this.holdBackMs })
    const { from, to, start, last } = place
    if (Math.max(watermark, record.stamp) > last + this.holdBackMs) {
      tooLate(this.#parts, value, record)
      return state
    }
    const joined = open.slice(from, to)
    let aggregate: Value
    try {
      aggregate = this.#fold(joined, value, record)
    } catch (error) {
      failed(this.#operator, error, record)
      return state
    }
    const session = aggregate === undefined ? undefined : { start, last, value: aggregate }
    if (session !== undefined) this.#rows.made(session, joined)
    const now = put(session, place, open)
    return now.length === 0 ? undefined : now
  }

  close(key: string, [first, ...others]: Sessions): Sessions | undefined {
    if (first !== undefined) this.#rows.closed(key, first, { end: first.last + this.#gapMs, closedBy: 'gap' })
    return others.length === 0 ? undefined : others
  }

  changed(key: string, sessions: Sessions): void {
    this.#rows.changed(key, sessions)
  }

  flush(): void {
    this.#rows.flush()
  }

  open(key: string, sessions: Sessions): readonly OpenWindow[] {
    return this.#rows.open(key, sessions)
  }

  /** The record goes to the earliest of the sessions that it makes one. */
  #fold([first, ...others]: Sessions, value: Value, record: StreamRecord): Value {
    const { node } = this.#parts
    let aggregate = fold(node, first?.value, value, record)
    for (const other of others) aggregate = aggregate === undefined ? other.value : settled(this.#merge(aggregate, other.value))
    return aggregate
  }
}
