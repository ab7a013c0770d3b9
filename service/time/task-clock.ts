/** What a task keeps of event time where somebody goes by it: its own watermark, and that of each of its source partitions. */
import type { SourceTime, TaskTime } from './task-time.ts'

export interface TaskClock {
  readonly task: TaskTime
  /** Whether somebody behind the repartition topic of that name goes by event time. */
  readonly isTimed: (repartition: string) => boolean
  readonly sourceOf: (topic: string, partition: number) => SourceTime
}
