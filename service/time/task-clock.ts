/** What a task keeps of event time where somebody goes by it. */
import type { SourceTime, TaskTime } from './task-time.ts'
import type { Watermark } from './watermark.ts'

/** Event time as the sources give it, or as it is from one withTime on: the task's, and that of each of its source partitions. */
export interface EventTime {
  readonly task: TaskTime
  readonly sourceOf: (topic: string, partition: number) => SourceTime
}

export interface TaskClock extends EventTime {
  /** Whether somebody behind the repartition topic of that name goes by event time. */
  readonly isTimed: (repartition: string) => boolean
  /** Event time from the n-th withTime of the sub-topology on, in the order of the graph. */
  readonly behind: (withTime: number) => EventTime
  /** The least of watermarks that come together in front of a store or, where `store` is undefined, of a repartition topic. */
  readonly merged: (watermarks: readonly Watermark[], store: string | undefined) => Watermark
}
