/** What an operator that holds rows offers to those who read all of them, and not only what a batch changed. */
import type { Push } from '../source/push.ts'

/** Used by a later stage than that of the operator itself, so that the rows are those after the batch. */
export interface AllRows {
  /** Loads what is not in memory, of all rows or of those of the windows with these ends; undefined where nothing is missing. @throws as StateView.load */
  loadRows(ends?: ReadonlySet<number>): Promise<void> | undefined
  /**
   * Hands on what `loadRows` was asked for, each row once: of tables by key bytes (unsigned), of windows that are open by end, then start,
   * then key bytes. All records carry `timestamp`, as a row keeps no time of its own.
   */
  replay(next: Push, timestamp: number, ends?: ReadonlySet<number>): void
}

/** The rows of a table behind a step: `step` makes what takes the rows in front of it of what takes those behind it. */
export const rowsBehind = (rows: AllRows, step: (next: Push) => Push): AllRows => ({
  loadRows: (ends) => rows.loadRows(ends),
  replay: (next, timestamp, ends) => rows.replay(step(next), timestamp, ends),
})
