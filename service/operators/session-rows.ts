/** The rows of the sessions of a task: those that closed, and those that a batch changed. */
import type { Ending } from '../windows/markers.ts'
import type { Session, Sessions } from '../windows/sessions.ts'
import type { OpenWindow } from './open-rows.ts'
import { ShownRows } from './shown-rows.ts'
import { type Bounds, type WindowRow, WindowRows, type WindowRowsParts } from './window-rows.ts'

export interface SessionRowsParts extends WindowRowsParts {
  /** Null where silence ends nothing. */
  readonly gapMs: number | null
}

export class SessionRows {
  readonly #rows: WindowRows
  readonly #gapMs: number | null
  readonly #readsChanges: boolean
  readonly #shown: ShownRows

  constructor({ gapMs, ...parts }: SessionRowsParts) {
    this.#rows = new WindowRows(parts)
    this.#gapMs = gapMs
    this.#readsChanges = parts.outlets.update !== undefined
    this.#shown = new ShownRows((session) => this.#boundsOf(session))
  }

  begin(): void {
    this.#shown.begin()
  }

  /** A session was made of others, which it takes the place of, or of none. */
  made(session: Session, of: Sessions): void {
    if (this.#readsChanges) this.#shown.made(session, of)
  }

  /**
   * The last row of a session. Where rows with other bounds are known of it, one comes before it that says so, so that last rows are the
   * same for all readers.
   */
  closed(key: string, session: Session, { end, closedBy }: Ending): void {
    const { start, last, value: aggregate } = session
    if (this.#readsChanges) {
      const replaces = this.#shown.replacedBy(session, { start, end })
      if (replaces.length > 0) this.#open(key, session, { start, end, replaces })
    }
    // After a silence of any length the last event may be older than anybody still expects.
    const timestamp = this.#gapMs === null ? Math.max(last, end - 1) : last
    this.#rows.release({ key, start, end, aggregate, timestamp, closedBy, replaces: [] })
  }

  /** The sessions among those that are still open which the batch made or changed. */
  changed(key: string, sessions: Sessions): void {
    if (!this.#readsChanges) return
    for (const session of sessions) {
      if (!this.#shown.isChanged(session)) continue
      const bounds = this.#boundsOf(session)
      this.#open(key, session, { ...bounds, replaces: this.#shown.replacedBy(session, bounds) })
    }
  }

  /** See KeyLogic. */
  open(key: string, sessions: Sessions): readonly OpenWindow[] {
    return sessions.map((session) => ({ key, ...this.#boundsOf(session), aggregate: session.value }))
  }

  flush(): void {
    this.#rows.flush()
  }

  #open(
    key: string,
    { value: aggregate, last: timestamp }: Session,
    bounds: Pick<WindowRow, 'start' | 'end' | 'replaces'>,
  ): void {
    this.#rows.release({ key, ...bounds, aggregate, timestamp, closedBy: undefined })
  }

  /** While it is open. */
  #boundsOf({ start, last }: Session): Bounds {
    return { start, end: last + (this.#gapMs ?? 1) }
  }
}
