/** What a worker sees of a compiled task: records go in, stages load and run, outputs are in the output buffer. */
import type { Slice } from '../batch/slice.ts'
import type { Preparation } from '../codec/prepared.ts'
import type { Watermark } from '../time/watermark.ts'

/**
 * The stateful operators that are as many states away from the input. `load` is called until it has nothing left to load, then `run`,
 * once a batch, after the stages before it.
 */
export interface Stage {
  /** Loads the state that the records need and that is not in memory; undefined where nothing is missing. @throws as StateView.load */
  load(): Promise<void> | undefined
  /** Runs the operators over the records that wait, in the order in which they came, then hands on the rows that changed. */
  run(): void
}

/** One sub-topology on one partition number. After an error it is thrown away: nothing resumes from memory (P3). */
export interface TaskPipeline {
  readonly stages: readonly Stage[]
  /** True where event time alone has work to do: a batch without records would close windows. */
  readonly isDue: boolean
  /** How far event time is in what goes to each repartition topic behind which somebody goes by it; by the topic's full name. */
  readonly downstream: ReadonlyMap<string, Watermark>
  /** Fetches what codecs need for these records; undefined where nothing is missing. @throws as PreparedCodec.prepare */
  prepare(slices: readonly Slice[], preparation: Preparation): Promise<void> | undefined
  /** Begins a batch, in the task's state views too. `time`: wall clock at the cut, ms. */
  begin(batch: { readonly time: number; readonly number: number }): void
  /** Decodes records and pushes them through the stateless steps. @throws FatalError where a policy says stop */
  accept(slice: Slice): void
  /** All stages ran: printed rows and counts of the batch go out. */
  end(): void
}
