/** What a sub-topology is compiled for: one task, with its state, its time and its outputs. */
import type { Metrics } from '../metrics.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import type { PrintedBatch } from '../sink/print.ts'
import type { StateView } from '../state/state-view.ts'
import type { SlotClock } from '../time/slot-clock.ts'
import type { TaskClock } from '../time/task-clock.ts'
import type { StaticTable, TableRows } from '../topology/node.ts'
import type { Plan } from '../topology/plan.ts'
import type { KeyKinds } from './key-kinds.ts'

/** Of static tables, their rows. */
export type Tables = ReadonlyMap<StaticTable, TableRows>

export interface CompileParts {
  readonly partition: number
  readonly plan: Plan
  /** By store. */
  readonly views: ReadonlyMap<string, StateView>
  /** The rows of every static table. */
  readonly tables: Tables
  readonly outputs: OutputBuffer
  readonly metrics: Metrics
  readonly print: (printed: PrintedBatch) => void
  readonly keyKinds: KeyKinds
  /** Null where nobody goes by event time, here or downstream. */
  readonly time: TaskClock | null
  /** Absent where nobody goes by slots, here or downstream. */
  readonly slots?: SlotClock | undefined
}
