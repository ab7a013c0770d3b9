/** Cuts a batch from what was fetched ahead: fair over the partitions, bounded in records and bytes over all of them. */
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { TaskId } from '../task-id.ts'
import type { Slice } from './slice.ts'

/** What cutting needs of a feed of the fetcher. */
export interface Reservoir {
  readonly topic: string
  readonly partition: number
  /** Oldest first; cutting takes them off as they are used up. */
  readonly chunks: FetchedRecords[]
  /** Tells that this many bytes need not be held any longer. */
  consumed(bytes: number): void
}
export interface FetchedRecords {
  readonly columns: RecordColumns
  readonly nextOffset: number
  readonly deleted?: number
  readonly byteLength: number
}

export interface CutLimits {
  readonly recordsMax: number
  readonly bytesMax: number
  /** Counts the batches, so that another partition comes first each time. */
  readonly turn?: number
}
export interface Cut {
  readonly slices: ReadonlyMap<TaskId, readonly Slice[]>
  /** True where records were left behind: the next batch need not wait for its trigger. */
  readonly leftover: boolean
}

/** How much of a chunk earlier batches took; it goes with the chunk. */
const used = new WeakMap<FetchedRecords, { records: number; bytes: number }>()

/**
 * Takes from every partition its equal share, and shares out again what some did not need. At least one record is taken where there is
 * one, even if it alone is larger than `bytesMax`.
 */
export function cut(tasks: ReadonlyMap<TaskId, readonly Reservoir[]>, limits: CutLimits): Cut {
  const cuts = [...tasks].flatMap(([task, feeds]) => feeds.map((feed) => new PartitionCut(task, feed)))
  share(rotated(cuts, limits.turn ?? 0), limits)
  const slices = new Map<TaskId, Slice[]>()
  for (const one of cuts) {
    if (one.slices.length === 0) continue
    const own = slices.get(one.task) ?? []
    own.push(...one.slices)
    slices.set(one.task, own)
  }
  return { slices, leftover: cuts.some((one) => one.hasMore) }
}

/** Whoever is first gets what cannot be divided: each time another. */
function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  const start = items.length === 0 ? 0 : turn % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

/** Rounds of equal shares; where no record fits into a share, a round in which each may have all that is left. */
function share(cuts: readonly PartitionCut[], { recordsMax, bytesMax }: CutLimits): void {
  let [records, bytes, greedy, nothingYet] = [recordsMax, bytesMax, false, true]
  for (let open = cuts; records > 0 && bytes > 0; ) {
    open = open.filter((one) => one.hasMore)
    if (open.length === 0) return
    const recordsEach = Math.max(1, Math.floor(records / open.length))
    const bytesEach = Math.floor(bytes / open.length)
    let progress = false
    for (const one of open) {
      const allowed = { records: Math.min(recordsEach, records), bytes: greedy ? bytes : Math.min(bytesEach, bytes) }
      const taken = one.take(allowed, greedy && nothingYet)
      records -= taken.records
      bytes -= taken.bytes
      nothingYet &&= taken.records === 0
      progress ||= taken.progress
    }
    if (!progress && greedy) return
    greedy = !progress
  }
}

interface Taken {
  readonly records: number
  readonly bytes: number
  /** True where the position moves, be it by a chunk without records. */
  readonly progress: boolean
}

class PartitionCut {
  readonly task: TaskId
  readonly slices: Slice[] = []
  readonly #feed: Reservoir

  constructor(task: TaskId, feed: Reservoir) {
    this.task = task
    this.#feed = feed
  }

  get hasMore(): boolean {
    return this.#feed.chunks.length > 0
  }

  /** Takes up to `allowed`; `force` takes one record however large it is. */
  take(allowed: { readonly records: number; readonly bytes: number }, force: boolean): Taken {
    const { chunks } = this.#feed
    let [records, bytes, progress] = [0, 0, false]
    for (let chunk = chunks[0]; chunk !== undefined; chunk = chunks[0]) {
      const before = used.get(chunk) ?? { records: 0, bytes: 0 }
      const left = chunk.columns.count - before.records
      const fitting = Math.min(left, allowed.records - records, fit(chunk, before.records, allowed.bytes - bytes))
      const count = fitting === 0 && force && records === 0 ? Math.min(1, left) : fitting
      if (count === 0 && left > 0) break
      const taken = count === left ? chunk.byteLength - before.bytes : bytesOf(chunk, before.records, count)
      this.#add(chunk, before.records, before.records + count)
      this.#feed.consumed(taken)
      records += count
      bytes += taken
      progress = true
      if (count < left) {
        used.set(chunk, { records: before.records + count, bytes: before.bytes + taken })
        break
      }
      chunks.shift()
    }
    return { records, bytes, progress }
  }

  /** Ranges of one chunk that follow one another become one slice. */
  #add(chunk: FetchedRecords, from: number, to: number): void {
    const { columns, deleted = 0 } = chunk
    const last = this.slices.at(-1)
    const nextOffset = to === columns.count ? chunk.nextOffset : (columns.offsets[to - 1] ?? 0) + 1
    const slice = { topic: this.#feed.topic, partition: this.#feed.partition, columns, from, to, deleted, nextOffset }
    if (last?.columns === columns) this.slices[this.slices.length - 1] = { ...slice, from: last.from }
    else this.slices.push(slice)
  }
}

/** Headers are left out: they are small beside the values, and reading them costs more than the figure is worth. */
const recordBytes = (columns: RecordColumns, index: number): number =>
  Math.max(0, columns.keyLength(index)) + Math.max(0, columns.valueLength(index))

function bytesOf(chunk: FetchedRecords, from: number, count: number): number {
  let bytes = 0
  for (let index = from; index < from + count; index++) bytes += recordBytes(chunk.columns, index)
  return bytes
}

/** How many records from `from` on fit into `bytesMax`. */
function fit(chunk: FetchedRecords, from: number, bytesMax: number): number {
  if (bytesMax <= 0) return 0
  if (from === 0 && chunk.byteLength <= bytesMax) return chunk.columns.count
  let bytes = 0
  for (let index = from; index < chunk.columns.count; index++) {
    bytes += recordBytes(chunk.columns, index)
    if (bytes > bytesMax) return index - from
  }
  return chunk.columns.count - from
}
