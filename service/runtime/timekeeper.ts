/** Keeps event time for one running task: begins where the last commit left it, and notices which partitions have gone quiet. */
import type { Slice } from '../batch/slice.ts'
import type { Feed } from '../kafka/fetcher.ts'
import { partitionKey } from '../kafka/partition-key.ts'
import { parseTaskId, taskId } from '../task-id.ts'
import type { TaskClock } from '../time/task-clock.ts'
import { type SourceTime, TaskTime, upstreamId } from '../time/task-time.ts'
import type { SourceNode } from '../topology/node.ts'
import type { Plan } from '../topology/plan.ts'
import { isTimed } from '../topology/time-flow.ts'
import type { TakenTask } from './taking.ts'

interface WatchedPartition {
  readonly time: SourceTime
  readonly feed: Feed
  readonly idleAfter: number | null
  /** Of the monotonic clock: since when it was read to its end and nothing came. */
  quietSince: number
  position: number
}

const orNever = (time: number | null | undefined): number => time ?? Number.NEGATIVE_INFINITY
const orNull = (time: number): number | null => (time === Number.NEGATIVE_INFINITY ? null : time)

export class Timekeeper implements TaskClock {
  readonly task: TaskTime
  readonly isTimed: (repartition: string) => boolean
  readonly #partitions = new Map<string, WatchedPartition>()

  /** Null where nobody goes by event time. `now`: monotonic, ms. */
  static of(plan: Plan, taken: TakenTask, parts: { readonly feeds: readonly Feed[]; readonly now: number }): Timekeeper | null {
    const subtopology = plan.graph.subtopologies[parseTaskId(taken.id).subtopology]
    if (subtopology === undefined || !isTimed(subtopology, plan.graph.timedRepartitions)) return null
    return new Timekeeper(plan, taken, { ...parts, sources: subtopology.sources })
  }

  private constructor(
    plan: Plan,
    taken: TakenTask,
    { feeds, now, sources }: { readonly feeds: readonly Feed[]; readonly now: number; readonly sources: readonly SourceNode[] },
  ) {
    const { progress, watermarks } = taken
    const { timedRepartitions } = plan.graph
    this.isTimed = (repartition) => timedRepartitions.has(repartition)
    this.task = new TaskTime({ committed: orNever(progress?.watermark) })
    for (const feed of feeds) {
      const { topic, partition, position } = feed
      const source = sources.find(({ topics }) => topics.some(({ name }) => name === topic))
      if (source === undefined) continue
      const key = partitionKey(topic, partition)
      const time = this.task.source(source.lateness, orNever(watermarks.get(key)))
      this.#partitions.set(key, { time, feed, idleAfter: source.idleAfter, quietSince: now, position })
    }
    for (const id of upstreamsOf(plan, taken)) this.task.upstream(id, progress?.upstreamWatermarks[id])
  }

  readonly sourceOf = (topic: string, partition: number): SourceTime => {
    const found = this.#partitions.get(partitionKey(topic, partition))
    if (found === undefined) throw new RangeError(`no source partition ${partitionKey(topic, partition)}`)
    return found.time
  }

  /**
   * A partition is idle when an answered fetch shows it read to its end, and none of its records came for so long: one that lags, waits
   * for somebody's transaction or is cut off is not. `now`: monotonic, ms.
   */
  observe(now: number): void {
    for (const partition of this.#partitions.values()) {
      const { feed, idleAfter, time } = partition
      const { position, lastStableOffset, highWatermark, answeredAt } = feed
      const isAtEnd = feed.chunks.length === 0 && position === lastStableOffset && position === highWatermark
      if (!isAtEnd || position !== partition.position) {
        partition.quietSince = now
        partition.position = position
      } else if (idleAfter !== null && !time.idle && answeredAt - partition.quietSince >= idleAfter) {
        time.becomeIdle()
      }
    }
    this.task.drift(now)
  }

  /** Records of these slices come next: their partitions count again. */
  activate(slices: readonly Slice[]): void {
    for (const { topic, partition, from, to } of slices)
      if (to > from) this.#partitions.get(partitionKey(topic, partition))?.time.becomeActive()
  }

  /** What is committed beside a source partition's offset. */
  watermarkOf(topic: string, partition: number): number | null {
    return orNull(this.#partitions.get(partitionKey(topic, partition))?.time.watermark ?? Number.NEGATIVE_INFINITY)
  }

  /** What is committed in the progress record. */
  get watermark(): number | null {
    return orNull(this.task.value)
  }
}

/** All tasks that write to the repartition topics which the task reads. */
function upstreamsOf({ graph, subtopologies, tasks }: Plan, { id }: TakenTask): readonly string[] {
  const reads = graph.subtopologies[parseTaskId(id).subtopology]?.repartitionSources ?? []
  return reads.flatMap(({ name }) =>
    subtopologies
      .filter((other) => graph.subtopologies[other.id]?.repartitionSinks.some((sink) => sink.name === name))
      .flatMap((other) => Array.from({ length: other.partitions }, (_, partition) => taskId(other.id, partition)))
      .filter((upstream) => tasks.includes(upstream))
      .map((upstream) => upstreamId(name, upstream)),
  )
}
