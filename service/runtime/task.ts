/** A running task: its feeds, its pipeline, its stores, and how far it is. */
import { encodeOffsetMetadata } from '../commit/offset-metadata.ts'
import { encodeProgress } from '../commit/progress-record.ts'
import type { Slice } from '../batch/slice.ts'
import type { Feed } from '../kafka/fetcher.ts'
import { partitionKey } from '../kafka/offsets.ts'
import type { OffsetToCommit } from '../kafka/transactional-producer.ts'
import type { KeyKinds } from '../operators/key-kinds.ts'
import type { TaskPipeline } from '../operators/pipeline.ts'
import type { StateView } from '../state/state-view.ts'
import type { StoreHandle } from '../state/store-backend.ts'
import type { TaskId } from '../task-id.ts'
import type { SlotClock } from '../time/slot-clock.ts'
import type { Timekeeper } from './timekeeper.ts'
import { TimeReports } from './time-reports.ts'
import type { TakenTask } from './taking.ts'

export interface TaskStore {
  readonly name: string
  /** See storeFingerprint. */
  readonly fingerprint: string
  readonly view: StateView
  readonly handle: StoreHandle
  readonly changelog: string
  readonly changelogId: string
  readonly partition: number
  /** Where the next segment of the changelog begins. */
  position: number
  /** The offset of the last progress record in the changelog; −1 before the first. */
  lastOffset: number
  /** The epoch in which the batch under way was sent to the changelog's leader. */
  leaderEpoch: number
  /** Monotonic, ms: when the store was last told that its changelog ends at `position`, or will be; −∞ before the first time. */
  currentAt: number
}

interface Source {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  position: number
  readonly partitionsAtStart: number
}

export class Task {
  readonly id: TaskId
  readonly feeds: readonly Feed[]
  readonly pipeline: TaskPipeline
  readonly stores: readonly TaskStore[]
  /** Null where nobody goes by event time. */
  readonly time: Timekeeper | null
  /** Null where nobody goes by slots. */
  readonly slots: SlotClock | null
  readonly timeReports: TimeReports
  readonly #keyKinds: KeyKinds
  readonly #sources: readonly Source[]
  #batch: number

  constructor(
    taken: TakenTask,
    parts: {
      readonly feeds: readonly Feed[]
      readonly pipeline: TaskPipeline
      readonly stores: readonly TaskStore[]
      readonly time: Timekeeper | null
      readonly slots: SlotClock | null
      readonly keyKinds: KeyKinds
    },
  ) {
    this.id = taken.id
    this.feeds = parts.feeds
    this.pipeline = parts.pipeline
    this.stores = parts.stores
    this.time = parts.time
    this.slots = parts.slots
    this.timeReports = new TimeReports(taken.id, parts.pipeline.downstream, () => parts.time?.task.isIdle === true)
    this.#keyKinds = parts.keyKinds
    this.#batch = taken.batch
    this.#sources = taken.positions.map((position) => ({
      ...position,
      partitionsAtStart: taken.partitionsAtStart.get(position.topic) ?? 0,
    }))
  }

  /** The number of the batch that is under way. */
  get batch(): number {
    return this.#batch + 1
  }

  /** Looks at the clock: true where time alone makes a batch worth while. `now`: monotonic, and wall clock, ms. */
  observeTime(now: { readonly monotonic: number; readonly wall: number }): boolean {
    this.time?.observe(now.monotonic)
    this.slots?.observe(now.wall)
    return this.pipeline.isDue || this.timeReports.isDue(now.monotonic)
  }

  /** Moves the positions past the slices of a batch; they count once the batch is committed. */
  moveTo(slices: readonly Slice[]): void {
    const sources = new Map(this.#sources.map((source) => [partitionKey(source.topic, source.partition), source]))
    for (const slice of slices) {
      const source = sources.get(partitionKey(slice.topic, slice.partition))
      if (source !== undefined) source.position = slice.nextOffset
    }
  }

  /** The progress record for one of its changelogs, as of the batch under way. */
  progressRecord(store: TaskStore, fingerprint: string): Buffer {
    return encodeProgress({
      format: 1,
      batch: this.batch,
      fingerprint,
      store: store.fingerprint,
      changelogId: store.changelogId,
      positions: this.#sources.map(({ topic, topicId, partition, position }) => ({ topic, topicId, partition, position })),
      ...(this.time?.committed() ?? { watermark: null }),
      upstreamWatermarks: this.time?.task.reports() ?? {},
      keyKinds: this.#keyKinds.known(),
      ...(this.slots === null ? {} : { slot: this.slots.value }),
    })
  }

  /** What TxnOffsetCommit carries for this task: its positions, and beside each where its changelogs stand. */
  offsets(): readonly OffsetToCommit[] {
    const stores = Object.fromEntries(
      this.stores.map(({ name, changelogId, lastOffset }) => [name, [changelogId, lastOffset] as const]),
    )
    return this.#sources.map(({ topic, partition, position, partitionsAtStart }) => ({
      topic,
      partition,
      offset: position,
      metadata: encodeOffsetMetadata({
        batch: this.batch,
        partitionsAtStart,
        watermarks: this.time?.watermarksOf(topic, partition) ?? [null],
        stores,
      }),
    }))
  }

  positions(): readonly { readonly topic: string; readonly partition: number; readonly position: number }[] {
    return this.#sources
  }

  /** The batch under way was committed. */
  committed(): void {
    this.#batch += 1
  }
}
