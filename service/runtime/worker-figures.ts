/** The figures of a worker that are as of now, and what a committed batch adds to the others. */
import type { Slice } from '../batch/slice.ts'
import type { Clock } from '../clock.ts'
import type { ApplyQueue } from '../commit/apply-queue.ts'
import type { Metrics, Sample } from '../metrics.ts'
import type { EntryCache } from '../state/entry-cache.ts'
import { parseTaskId } from '../task-id.ts'
import { endOfTime } from '../time/task-time.ts'
import type { Batch } from './batch.ts'
import type { HeldWatermarks } from './held-watermarks.ts'
import type { Task } from './task.ts'
import type { TaskSet } from './task-set.ts'
import type { WorkerSettings } from './worker-parts.ts'

const reportEveryMs = 1000

export interface WorkerFiguresParts {
  readonly metrics: Metrics
  readonly clock: Clock
  readonly settings: WorkerSettings
  readonly tasks: TaskSet
  readonly queue: ApplyQueue
  readonly cache: EntryCache
  readonly held: HeldWatermarks
  /** True for topics in which a record without a value is a control record. */
  readonly isRepartition: (topic: string) => boolean
}

export class WorkerFigures {
  readonly #parts: WorkerFiguresParts
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(parts: WorkerFiguresParts) {
    this.#parts = parts
    const { metrics, settings } = parts
    metrics.set('caudal_cache_bytes_max', settings.cacheBytesMax)
    metrics.set('caudal_apply_queue_bytes_max', settings.applyQueueBytesMax)
    // A rate needs a sample from before the first time.
    for (const outcome of ['committed', 'aborted', 'uncertain']) metrics.add('caudal_transactions_total', 0, { outcome })
  }

  /** Figures that are as of now; at most once a second, however often it is called. */
  report(): void {
    const { metrics, clock, tasks, queue, cache, held } = this.#parts
    const now = clock.monotonic()
    if (now - this.#reportedAt < reportEveryMs) return
    this.#reportedAt = now
    const { used, loaded } = cache.takeLookups()
    metrics.add('caudal_cache_lookups_total', used - loaded, { result: 'hit' })
    metrics.add('caudal_cache_lookups_total', loaded, { result: 'miss' })
    metrics.set('caudal_cache_bytes', cache.bytes)
    metrics.set('caudal_apply_queue_bytes', queue.bytes)
    metrics.set('caudal_tasks', tasks.running.size, { state: 'running' })
    metrics.set('caudal_tasks', tasks.takingCount, { state: 'restoring' })
    this.#reportTasks([...tasks.running.values()], now)
    held.look([...tasks.running.values()].flatMap(({ time }) => time?.quiet() ?? []))
  }

  #reportTasks(tasks: readonly Task[], now: number): void {
    const { metrics, clock, queue } = this.#parts
    const watermarks = tasks.flatMap((task) => watermarkOf(task))
    metrics.replace('caudal_watermark_seconds', watermarks)
    const wall = clock.now() / 1000
    metrics.replace(
      'caudal_watermark_lag_seconds',
      watermarks.map(({ labels, value }) => ({ labels, value: wall - value })),
    )
    metrics.replace(
      'caudal_lag_records',
      tasks.flatMap((task) => lagsOf(task)),
    )
    metrics.replace(
      'caudal_state_entries',
      tasks.flatMap(({ stores }) => stores.map(({ name, partition, view }) => sampleOf(name, partition, view.entryCount))),
    )
    const lags = tasks.flatMap(({ stores }) =>
      stores.map(({ name, partition, handle }) => ({ name, partition, lag: queue.lag(handle) })),
    )
    metrics.replace(
      'caudal_apply_lag_bytes',
      lags.map(({ name, partition, lag }) => sampleOf(name, partition, lag.bytes)),
    )
    metrics.replace(
      'caudal_apply_lag_seconds',
      lags.map(({ name, partition, lag }) => sampleOf(name, partition, lag.since === null ? 0 : (now - lag.since) / 1000)),
    )
  }

  /** A batch was committed. `written`: records by topic. */
  committed(batch: Batch, written: ReadonlyMap<string, number>): void {
    const { metrics, clock } = this.#parts
    const now = clock.now()
    batch.times.observe(metrics)
    for (const [id, slices] of batch.slices) {
      const labels = labelsOf(id)
      const { subtopology } = labels
      for (const slice of slices) {
        metrics.add('caudal_records_in_total', slice.to - slice.from, { topic: slice.topic, ...labels })
        const { topic, deleted = 0 } = slice
        if (deleted > 0) metrics.add('caudal_records_deleted_total', deleted, { topic, ...labels })
        const timestamp = this.#firstTimestamp(slice)
        // A producer may be ahead of this clock.
        if (timestamp >= 0)
          metrics.observe('caudal_end_to_end_latency_seconds', Math.max(0, now - timestamp) / 1000, { subtopology })
      }
    }
    for (const [topic, count] of written) metrics.add('caudal_records_out_total', count, { topic })
  }

  /** Of the first record that is none of our own control records; −1 where there is none. */
  #firstTimestamp({ topic, columns, from, to }: Slice): number {
    const hasControls = this.#parts.isRepartition(topic)
    let first = from
    while (hasControls && first < to && columns.valueLength(first) < 0) first += 1
    return first < to ? (columns.timestamps[first] ?? -1) : -1
  }
}

const sampleOf = (store: string, partition: number, value: number): Sample => ({
  labels: { store, partition: String(partition) },
  value,
})

function labelsOf(id: Task['id']): { readonly subtopology: string; readonly partition: string } {
  const { subtopology, partition } = parseTaskId(id)
  return { subtopology: String(subtopology), partition: String(partition) }
}

/** None where nobody goes by event time, nothing was seen yet, or there will be no more. */
function watermarkOf({ id, time }: Task): readonly Sample[] {
  const watermark = time?.task.value ?? endOfTime
  return watermark === Number.NEGATIVE_INFINITY || watermark === endOfTime
    ? []
    : [{ labels: labelsOf(id), value: watermark / 1000 }]
}

function lagsOf({ id, feeds }: Task): readonly Sample[] {
  return feeds.map(({ topic, chunks, highWatermark, position }) => {
    const buffered = chunks.reduce((sum, chunk) => sum + chunk.columns.count, 0)
    return { labels: { topic, ...labelsOf(id) }, value: Math.max(0, highWatermark - position) + buffered }
  })
}
