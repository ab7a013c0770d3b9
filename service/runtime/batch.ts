/** What is under way between a cut and its commit. */
import type { Slice } from '../batch/slice.ts'
import type { TaskId } from '../task-id.ts'
import type { FrozenMembership } from './membership-view.ts'
import type { Task } from './task.ts'
import type { BatchTimes } from './batch-times.ts'

export interface Batch {
  readonly frozen: FrozenMembership
  readonly slices: ReadonlyMap<TaskId, readonly Slice[]>
  /** The tasks that have slices: the ones that the transaction touches. */
  readonly tasks: readonly Task[]
  /** Wall clock at the cut, ms. */
  readonly time: number
  readonly times: BatchTimes
}
