/** Steps 4 to 6 of a batch: produce, commit, apply. Any error in the first two means that all tasks are taken again (P3). */
import { changelogKey, progressKey } from '../commit/changelog-record.ts'
import { FatalError, RetakeError } from '../errors.ts'
import { partitionKey } from '../kafka/offsets.ts'
import type { Batch } from './batch.ts'
import type { Membership } from './seam.ts'
import { heldBytes, type StoreWrite } from '../state/store-backend.ts'
import type { Task, TaskStore } from './task.ts'
import { writeReports } from './time-reports.ts'
import type { WorkerResources } from './worker-resources.ts'

/** The changes of one store in a batch: the very bytes that were produced to its changelog (P14). */
export interface ProducedChanges {
  readonly task: Task
  readonly store: TaskStore
  readonly writes: readonly StoreWrite[]
  readonly bytes: number
}

/** A worker's batch in the changelogs and outputs. */
export interface ProducedBatch {
  readonly changes: readonly ProducedChanges[]
  /** True where the broker had some of it already, so that its offsets are unknown (P5). */
  readonly duplicate: boolean
}

/** Before the records: readers that take a task for idle must know that it is not, or they would be ahead of it. */
export function announceActivity({ outputs, parts }: WorkerResources, batch: Batch): void {
  const now = parts.clock.monotonic()
  const reports = batch.tasks.flatMap((task) => {
    task.time?.activate(batch.slices.get(task.id) ?? [])
    return task.timeReports.awaken(now)
  })
  writeReports(outputs, parts.plan, reports, batch.time)
}

/** Step 4: room in the apply queue is reserved before anything is sent (P14). */
export async function produceBatch(resources: WorkerResources, batch: Batch): Promise<ProducedBatch> {
  const { outputs, queue, producer, topics, parts } = resources
  const now = parts.clock.monotonic()
  const written = outputs.recordCounts()
  const reports = batch.tasks.flatMap((task) => task.timeReports.take(now, (topic) => written.has(topic)))
  writeReports(outputs, parts.plan, reports, batch.time)
  const changes = batch.tasks.flatMap((task) => {
    task.moveTo(batch.slices.get(task.id) ?? [])
    return task.stores.map((store) => appendChangelog(resources, task, store))
  })
  resources.freeze(batch.frozen)
  const bytes = changes.reduce((sum, change) => sum + change.bytes, 0)
  await queue.reserve(bytes, resources.signal())
  await topics.resolve(outputs)
  const pending = outputs.batches()
  resources.size.opened(recordsOf(batch))
  const produced = pending.length > 0 ? await producer.produce(pending) : []
  const last = new Map(produced.map((one) => [partitionKey(one.topic, one.partition), one]))
  for (const { store } of changes) {
    const { baseOffset = 0, count = 0, leaderEpoch = -1 } = last.get(partitionKey(store.changelog, store.partition)) ?? {}
    store.lastOffset = baseOffset + count - 1
    store.leaderEpoch = leaderEpoch
  }
  return { changes, duplicate: produced.some(({ baseOffset }) => baseOffset < 0) }
}

function recordsOf({ slices }: Batch): number {
  return [...slices.values()].flat().reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Coalesced: one record a changed key, and the progress record behind them. */
function appendChangelog(resources: WorkerResources, task: Task, store: TaskStore): ProducedChanges {
  const { outputs, parts } = resources
  const changes = store.view.takeChanges()
  let bytes = 0
  for (const change of changes) {
    const { bucket, key, value, timestamp } = change
    try {
      outputs.append(store.changelog, store.partition, changelogKey(bucket, key), value, Math.max(0, timestamp), undefined)
    } catch (error) {
      throw tooLarge(store, key, error)
    }
    bytes += heldBytes(change)
  }
  const progress = task.progressRecord(store, parts.plan.fingerprint)
  outputs.append(store.changelog, store.partition, progressKey, progress, parts.clock.now(), undefined)
  return { task, store, writes: changes, bytes }
}

/** A row that its changelog does not take could never be restored: neither skipping nor a dead letter would be right. */
function tooLarge({ name, changelog }: TaskStore, key: Buffer, cause: unknown): FatalError {
  const row = JSON.stringify(key.subarray(0, 64).toString())
  const message = `store ${name}, key ${row}: ${cause instanceof Error ? cause.message : String(cause)}`
  return new FatalError(`${message}. Keep less in a row, or raise max.message.bytes of ${changelog}`, { cause })
}

/** Step 5: every task that the transaction touched commits its positions, moved or not (P2). */
export async function commitBatch(resources: WorkerResources, batch: Batch, produced: ProducedBatch): Promise<void> {
  const { producer, membership, parts } = resources
  const ids = batch.tasks.map(({ id }) => id)
  const offsets = batch.tasks.flatMap((task) => task.offsets())
  const successor = (): Promise<Membership | null> =>
    membership.successor(batch.frozen, ids, 0.6 * parts.settings.transactionTimeoutMs)
  await producer.commitOffsets(parts.ids.group, batch.frozen.membership, offsets, successor)
  await producer.commit()
  parts.metrics.add('caudal_transactions_total', 1, { outcome: 'committed' })
  if (produced.duplicate) throw new RetakeError('a batch was produced twice: its offsets are unknown, though it was committed')
}

/** Step 6: the segment of each changelog goes to the apply queue; the batch counts. */
export function applyBatch(resources: WorkerResources, batch: Batch, { changes }: ProducedBatch): void {
  const { queue, parts } = resources
  for (const { store, writes, bytes } of changes) {
    const { view, handle, position: from, leaderEpoch } = store
    const to = store.lastOffset + 1
    queue.enqueue({ view, handle, from, to, writes, leaderEpoch, reserved: bytes })
    store.position = to
    store.currentAt = parts.clock.monotonic()
  }
  for (const task of batch.tasks) task.committed()
  resources.committed(batch)
}
