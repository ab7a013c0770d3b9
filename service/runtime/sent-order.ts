/** Cuts batches of the driver in the order in which records were sent, over all partitions of a worker. */
import { type Cut, type CutLimits, cut, type Reservoir } from '../batch/cutting.ts'
import type { Slice } from '../batch/slice.ts'
import { partitionKey } from '../kafka/offsets.ts'
import type { TaskId } from '../task-id.ts'

interface SentRecord {
  /** `topic:partition`. */
  readonly key: string
  readonly offset: number
}

/** What the driver has sent, oldest first. */
export class SentOrder {
  readonly #sent: SentRecord[] = []

  add(topic: string, partition: number, offset: number): void {
    this.#sent.push({ key: partitionKey(topic, partition), offset })
  }

  /** A cut for one worker; it remembers how far that worker has come. */
  cutter(): (tasks: ReadonlyMap<TaskId, readonly Reservoir[]>, limits: CutLimits) => Cut {
    const taken = new WeakMap<Reservoir, number>()
    return (tasks, limits) => {
      const feeds = [...tasks].flatMap(([task, own]) =>
        own.map((feed) => ({ task, feed, key: partitionKey(feed.topic, feed.partition) })),
      )
      const slices = new Map<TaskId, Slice[]>()
      let records = limits.recordsMax
      const take = ({ task, feed }: { readonly task: TaskId; readonly feed: Reservoir }, recordsMax: number) => {
        for (const slice of cut(new Map([[task, [feed]]]), { recordsMax, bytesMax: limits.bytesMax }).slices.get(task) ?? []) {
          slices.set(task, [...(slices.get(task) ?? []), slice])
          taken.set(feed, slice.nextOffset)
          records -= slice.to - slice.from
        }
      }
      for (const { key, count } of this.#runs(feeds, taken, records)) {
        const feed = feeds.find((feed) => feed.key === key)
        if (feed !== undefined) take(feed, count)
      }
      for (const feed of feeds) if (records > 0) take(feed, records)
      return { slices, leftover: feeds.some(({ feed }) => feed.chunks.length > 0) }
    }
  }

  /** Records not taken yet, as runs of one partition, at most `recordsMax` in all. */
  #runs(
    feeds: readonly { readonly feed: Reservoir; readonly key: string }[],
    taken: WeakMap<Reservoir, number>,
    recordsMax: number,
  ) {
    const runs: { key: string; count: number }[] = []
    const from = new Map(
      feeds.map(({ feed, key }) => [key, taken.get(feed) ?? feed.chunks[0]?.columns.offsets[0] ?? Number.POSITIVE_INFINITY]),
    )
    let left = recordsMax
    for (const { key, offset } of this.#sent) {
      if (left === 0) break
      if (offset < (from.get(key) ?? Number.POSITIVE_INFINITY)) continue
      left -= 1
      const last = runs.at(-1)
      if (last?.key === key) last.count += 1
      else runs.push({ key, count: 1 })
    }
    return runs
  }
}
