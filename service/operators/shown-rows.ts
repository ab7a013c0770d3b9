/** Which rows readers of changes have seen of a session: those of the sessions that it was when the batch began. */
import type { Session, Sessions } from '../windows/sessions.ts'
import type { Bounds } from './window-rows.ts'

export class ShownRows {
  readonly #boundsOf: (session: Session) => Bounds
  /** Of the sessions that this batch made. All others are as they were shown. */
  readonly #shown = new Map<Session, readonly Bounds[]>()

  constructor(boundsOf: (session: Session) => Bounds) {
    this.#boundsOf = boundsOf
  }

  begin(): void {
    this.#shown.clear()
  }

  /** A session was made of others, or of none. */
  made(session: Session, of: Sessions): void {
    const shown = of.flatMap((part) => this.#of(part))
    for (const part of of) this.#shown.delete(part)
    this.#shown.set(session, shown)
  }

  /** True for one that this batch made or changed. */
  isChanged(session: Session): boolean {
    return this.#shown.has(session)
  }

  /** What a row of the session takes the place of; one with the same bounds takes the place of its predecessor anyway. */
  replacedBy(session: Session, { start, end }: Bounds): readonly Bounds[] {
    return this.#of(session).filter((shown) => shown.start !== start || shown.end !== end)
  }

  #of(session: Session): readonly Bounds[] {
    return this.#shown.get(session) ?? [this.#boundsOf(session)]
  }
}
