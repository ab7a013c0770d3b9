/** What the stages of a task have in common: operators with state, which take records while a batch is cut and run once a batch. */
import type { Push } from '../source/push.ts'
import type { Watermark } from '../time/watermark.ts'

export interface StatefulOperator {
  readonly push: Push
  /** What was emitted so far: nothing older than this comes any more. */
  readonly output: Watermark
  /** True where event time alone has work to do here: a window that can close, or a close that is not finished. */
  readonly isDue: boolean
  begin(): void
  /** See Stage. */
  load(): Promise<void> | undefined
  run(): void
}
