/** What tasks tell the readers of their repartition topics about event time: control records, in the transaction of the batch. */
import { type ControlRecord, controlHeaderName, encodeControl } from '../operators/control-record.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import type { TaskId } from '../task-id.ts'
import { endOfTime, type UpstreamReport } from '../time/task-time.ts'
import type { Watermark } from '../time/watermark.ts'
import type { Plan } from '../topology/plan.ts'

/** A report that no data goes with waits for so long after the one before. */
const aloneEveryMs = 200

/** What one task has told, by topic. Forgotten with the task: whoever takes it tells all again. */
export class TimeReports {
  readonly #task: TaskId
  readonly #downstream: ReadonlyMap<string, Watermark>
  readonly #isDrifting: () => boolean
  readonly #told = new Map<string, { readonly report: UpstreamReport; readonly at: number }>()

  /** `isDrifting`: whether event time moves by the clock alone, of which nobody needs to hear until something comes of it. */
  constructor(task: TaskId, downstream: ReadonlyMap<string, Watermark>, isDrifting: () => boolean) {
    this.#task = task
    this.#downstream = downstream
    this.#isDrifting = isDrifting
  }

  /** True where something is to be told though there may be no data to go with it. `now`: monotonic, ms. */
  isDue(now: number): boolean {
    for (const [topic, watermark] of this.#downstream) {
      const told = this.#told.get(topic)
      const report = reportOf(watermark)
      if (report === told?.report || report === Number.NEGATIVE_INFINITY) continue
      // Behind the end nothing comes that it could go with.
      if (
        report === 'idle' ||
        report === endOfTime ||
        (!this.#isDrifting() && now - (told?.at ?? Number.NEGATIVE_INFINITY) >= aloneEveryMs)
      )
        return true
    }
    return false
  }

  /** What was told as idle has something to say again: readers must know before its records come. */
  awaken(now: number): readonly TopicReport[] {
    return this.#reports(now, (_, told) => told === 'idle')
  }

  /** What has moved since it was told; goes behind the data of the batch. */
  take(now: number, hasData: (topic: string) => boolean): readonly TopicReport[] {
    return this.#reports(now, (topic) => hasData(topic) || this.isDue(now))
  }

  #reports(now: number, isWanted: (topic: string, told: UpstreamReport | undefined) => boolean): readonly TopicReport[] {
    return [...this.#downstream].flatMap(([topic, watermark]) => {
      const told = this.#told.get(topic)?.report
      const report = reportOf(watermark)
      if (report === told || report === Number.NEGATIVE_INFINITY || !isWanted(topic, told)) return []
      this.#told.set(topic, { report, at: now })
      return { topic, control: controlOf(this.#task, report) }
    })
  }
}

export interface TopicReport {
  readonly topic: string
  readonly control: ControlRecord
}

const reportOf = ({ value, isIdle }: Watermark): UpstreamReport => (isIdle && value !== endOfTime ? 'idle' : value)

function controlOf(upstream: TaskId, report: UpstreamReport): ControlRecord {
  if (report === 'idle') return { kind: 'idle', upstream, time: Number.NEGATIVE_INFINITY }
  return { kind: report === endOfTime ? 'end-of-run' : 'watermark', upstream, time: report }
}

/** One record for each partition of a topic, with a header for each task of the worker. */
export function writeReports(outputs: OutputBuffer, plan: Plan, reports: readonly TopicReport[], time: number): void {
  const byTopic = Map.groupBy(reports, ({ topic }) => topic)
  for (const [topic, ofTopic] of byTopic) {
    const headers = ofTopic.map(({ control }) => [controlHeaderName, encodeControl(control)] as const)
    const partitions = plan.internalTopics.find(({ name }) => name === topic)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) outputs.append(topic, partition, null, null, time, headers)
  }
}
