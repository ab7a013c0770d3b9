/** Keeps event time for one running task: begins where the last commit left it, and notices which partitions have gone quiet. */
import type { Slice } from '../batch/slice.ts'
import type { ProgressRecord } from '../commit/progress-record.ts'
import type { Feed } from '../kafka/fetcher.ts'
import { partitionKey } from '../kafka/partition-key.ts'
import { parseTaskId, taskId } from '../task-id.ts'
import type { EventTime, TaskClock } from '../time/task-clock.ts'
import { endOfTime, type SourceTime, TaskTime, upstreamId } from '../time/task-time.ts'
import { MergedWatermark, type Watermark } from '../time/watermark.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { SourceNode, TopologyNode } from '../topology/node.ts'
import { isSource, topologicalOrder } from '../topology/order.ts'
import type { Plan } from '../topology/plan.ts'
import { isTimed } from '../topology/time-flow.ts'
import type { TakenTask } from './taking.ts'

/** A source partition that was read to its end, may not be idle, and is what the watermark waits for. */
export interface QuietPartition {
  readonly topic: string
  readonly partition: number
  /** ms from the time it came to its end to the last fetch that was answered. */
  readonly forMs: number
}

interface WatchedPartition {
  readonly feed: Feed
  readonly source: SourceNode
  /** As the source gives it, then as each withTime does; undefined for a withTime that the source does not lead to. */
  readonly times: readonly (SourceTime | undefined)[]
  /** Of the monotonic clock: since when it was read to its end and nothing came. */
  quietSince: number
  isQuiet: boolean
  position: number
}

const orNever = (time: number | null | undefined): number => time ?? Number.NEGATIVE_INFINITY
const orNull = (time: number | undefined): number | null =>
  time === undefined || time === Number.NEGATIVE_INFINITY ? null : time

export class Timekeeper implements TaskClock {
  readonly task: TaskTime
  readonly isTimed: (repartition: string) => boolean
  /** In the order of the graph, which is that of their watermarks in offset metadata and progress records. */
  readonly #withTimes: readonly TaskTime[]
  readonly #partitions = new Map<string, WatchedPartition>()
  readonly #merged = new Map<string, Watermark>()
  /** As they were committed: what nobody has looked at since must not be forgotten. */
  readonly #mergedBefore: Readonly<Record<string, number>>

  /** Null where nobody goes by event time. `now`: monotonic, ms. */
  static of(plan: Plan, taken: TakenTask, parts: { readonly feeds: readonly Feed[]; readonly now: number }): Timekeeper | null {
    const subtopology = plan.graph.subtopologies[parseTaskId(taken.id).subtopology]
    if (subtopology === undefined || !isTimed(subtopology, plan.graph.timedRepartitions)) return null
    return new Timekeeper(plan, taken, { ...parts, subtopology })
  }

  private constructor(
    plan: Plan,
    taken: TakenTask,
    { feeds, now, subtopology }: { readonly feeds: readonly Feed[]; readonly now: number; readonly subtopology: Subtopology },
  ) {
    const { progress, watermarks } = taken
    const { timedRepartitions } = plan.graph
    this.isTimed = (repartition) => timedRepartitions.has(repartition)
    this.task = new TaskTime({ committed: orNever(progress?.watermark) })
    this.#mergedBefore = progress?.mergedWatermarks ?? {}
    this.#withTimes = subtopology.withTimes.map((_, i) => new TaskTime({ committed: orNever(progress?.withTimes?.[i]) }))
    for (const feed of feeds) {
      const { topic, partition, position } = feed
      const source = subtopology.sources.find(({ topics }) => topics.some(({ name }) => name === topic))
      if (source === undefined) continue
      const key = partitionKey(topic, partition)
      const [own, ...others] = watermarks.get(key) ?? []
      const times = [
        this.task.source(source.lateness, orNever(own)),
        ...subtopology.withTimes.map((node, i) =>
          sourcesOf(node).includes(source) ? this.#withTimes[i]?.source(node.latenessMs, orNever(others[i])) : undefined,
        ),
      ]
      this.#partitions.set(key, { feed, source, times, quietSince: now, isQuiet: false, position })
    }
    for (const id of upstreamsOf(plan, taken)) this.task.upstream(id, progress?.upstreamWatermarks[id])
  }

  readonly sourceOf = (topic: string, partition: number): SourceTime => this.#timeOf(topic, partition, 0)

  readonly behind = (withTime: number): EventTime => {
    const task = this.#withTimes[withTime]
    if (task === undefined) throw new RangeError(`the sub-topology has no withTime ${withTime}`)
    return { task, sourceOf: (topic, partition) => this.#timeOf(topic, partition, 1 + withTime) }
  }

  readonly merged = (watermarks: readonly Watermark[], store: string | undefined): Watermark => {
    const merged = new MergedWatermark(watermarks, orNever(this.#mergedBefore[store ?? '']))
    if (store !== undefined) this.#merged.set(store, merged)
    return merged
  }

  /**
   * A partition is idle when an answered fetch shows it read to its end, and none of its records came for so long: one that lags, waits
   * for somebody's transaction or is cut off is not. `now`: monotonic, ms.
   */
  observe(now: number): void {
    for (const partition of this.#partitions.values()) {
      const { feed, source, times } = partition
      const { position, lastStableOffset, highWatermark, answeredAt } = feed
      const isAtEnd = feed.chunks.length === 0 && position === lastStableOffset && position === highWatermark
      partition.isQuiet = isAtEnd && position === partition.position
      if (!partition.isQuiet) {
        partition.quietSince = now
        partition.position = position
      } else if (source.idleAfter !== null && answeredAt - partition.quietSince >= source.idleAfter) {
        for (const time of times) if (time?.isIdle === false) time.becomeIdle()
      }
    }
    for (const task of this.#tasks()) task.drift(now)
  }

  /** Those that the watermark waits for, here or downstream, and that nothing but a record of theirs can move. As of the last `observe`. */
  quiet(): readonly QuietPartition[] {
    const tasks = this.#tasks()
    const isWaitedFor = (time: SourceTime | undefined, i: number) =>
      time !== undefined && time.value !== endOfTime && time.value <= (tasks[i]?.value ?? Number.NEGATIVE_INFINITY)
    return [...this.#partitions.values()].flatMap(({ feed, source, times, isQuiet, quietSince }) => {
      if (!isQuiet || source.idleAfter !== null || !times.some(isWaitedFor)) return []
      return { topic: feed.topic, partition: feed.partition, forMs: feed.answeredAt - quietSince }
    })
  }

  /** Records of these slices come next: their partitions count again. */
  activate(slices: readonly Slice[]): void {
    for (const { topic, partition, from, to } of slices)
      if (to > from) for (const time of this.#partitions.get(partitionKey(topic, partition))?.times ?? []) time?.becomeActive()
  }

  /** All that the sources will ever hold was read. */
  endOfSources(): void {
    for (const task of this.#tasks()) task.endOfSources()
  }

  /** What is committed beside a source partition's offset. */
  watermarksOf(topic: string, partition: number): readonly (number | null)[] {
    const times = this.#partitions.get(partitionKey(topic, partition))?.times ?? [undefined]
    return times.map((time) => orNull(time?.value))
  }

  /** What is committed in the progress record. */
  committed(): Pick<ProgressRecord, 'watermark' | 'withTimes' | 'mergedWatermarks'> {
    const heard = [...this.#merged].filter(([, { value }]) => value > Number.NEGATIVE_INFINITY)
    const merged = { ...this.#mergedBefore, ...Object.fromEntries(heard.map(([store, { value }]) => [store, value])) }
    return {
      watermark: orNull(this.task.value),
      ...(this.#withTimes.length > 0 ? { withTimes: this.#withTimes.map(({ value }) => orNull(value)) } : {}),
      ...(Object.keys(merged).length > 0 ? { mergedWatermarks: merged } : {}),
    }
  }

  #tasks(): readonly TaskTime[] {
    return [this.task, ...this.#withTimes]
  }

  #timeOf(topic: string, partition: number, index: number): SourceTime {
    const time = this.#partitions.get(partitionKey(topic, partition))?.times[index]
    if (time === undefined) throw new RangeError(`no event time of source partition ${partitionKey(topic, partition)} here`)
    return time
  }
}

const sourcesOf = (node: TopologyNode): readonly SourceNode[] => topologicalOrder([node]).filter(isSource)

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
