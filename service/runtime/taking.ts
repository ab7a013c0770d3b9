/** Taking a task (P8–P11): stable offsets, acquire the stores, ask for the end, restore up to it; then it may run. */
import type { OffsetMetadata } from '../commit/offset-metadata.ts'
import type { ProgressRecord } from '../commit/progress-record.ts'
import type { SourcePosition } from '../commit/progress-record.ts'
import { StoppedError } from '../errors.ts'
import type { StoreHandle } from '../state/store-backend.ts'
import { parseTaskId, type TaskId } from '../task-id.ts'
import type { StoreSpec } from '../topology/node.ts'
import { storeFingerprint } from '../topology/fingerprint.ts'
import type { Plan } from '../topology/plan.ts'
import { agree, ChangelogLostError, changelogLost, lastOffsetOf } from './agreement.ts'
import { type RestoredStore, restoreStore } from './restoring.ts'
import { sourcesOf, stableOffsets } from './stable-offsets.ts'
import { startReading } from './start-positions.ts'
import type { TakingContext } from './taking-context.ts'
import { untilAvailable } from './until-available.ts'

export interface TakenTask {
  readonly id: TaskId
  /** Where each source partition goes on. */
  readonly positions: readonly SourcePosition[]
  /** Per source topic, how many partitions it had when the group first read it. */
  readonly partitionsAtStart: ReadonlyMap<string, number>
  readonly batch: number
  readonly stores: readonly RestoredStore[]
  /** Of the last commit; null where there was none, or the task has no stores. */
  readonly progress: ProgressRecord | null
  /** Of each source partition by its key, as they were committed with its offset; see OffsetMetadata. */
  readonly watermarks: ReadonlyMap<string, OffsetMetadata['watermarks']>
}

/** A leader that was just elected may not know its end yet: only what stays lost for so long is lost. */
const changelogPatienceMs = 5000

/** Takes the task, again from the first step whenever a dead writer was fenced on the way. @throws StoppedError when aborted */
export async function takeTask(context: TakingContext, id: TaskId): Promise<TakenTask> {
  const { clock, signal } = context
  const since = clock.monotonic()
  for (;;) {
    if (signal.aborted) throw new StoppedError(`taking of task ${id} was given up`)
    context.progress()
    try {
      const taken = await takeOnce(context, id)
      if (taken !== 'again') return taken
    } catch (error) {
      if (!(error instanceof ChangelogLostError) || clock.monotonic() - since > changelogPatienceMs) throw error
      context.cluster.invalidate()
      await clock.sleep(200, signal)
    }
  }
}

/**
 * One attempt, in the order of P8:
 * 1. Stable offsets of all partitions of the task.
 * 2. Acquire its stores.
 * 3. Restore each up to the end that its changelog has now.
 * 4. Compare what all of them say; resolve and commit the position of partitions that were never read.
 */
async function takeOnce(context: TakingContext, id: TaskId): Promise<TakenTask | 'again'> {
  // 1.
  const sources = await sourcesOf(context, id)
  const offsets = await stableOffsets(context, { id, partitions: sources })
  if (offsets === 'again') return 'again'

  // 2.
  const acquired = await Promise.all(
    storesOf(context.plan, id).map(async (spec) => ({ spec, handle: await acquire(context, id, spec) })),
  )

  // 3.
  const stores: RestoredStore[] = []
  for (const { spec, handle } of acquired) {
    const lastOffset = lastOffsetOf({ sources, offsets }, spec.name)
    const store = await restoreStore(context, { id, spec, handle, lastOffset })
    if (store === 'again') return 'again'
    stores.push(store)
  }

  // 4.
  const agreement = await agree(context, { id, sources, offsets, stores })
  if (agreement === 'again') return 'again'
  const { positions, unread, partitionsAtStart, ...agreed } = agreement
  const started = await startReading(context, unread)
  return {
    id,
    positions: [...positions, ...started.positions],
    partitionsAtStart: new Map([...partitionsAtStart, ...started.partitionsAtStart]),
    ...agreed,
    stores,
  }
}

const storesOf = (plan: Plan, id: TaskId): readonly StoreSpec[] =>
  plan.graph.subtopologies[parseTaskId(id).subtopology]?.stores ?? []

/** Redis being away is waited for; the loop of the other tasks goes on meanwhile (P15). */
async function acquire(context: TakingContext, id: TaskId, spec: StoreSpec): Promise<StoreHandle> {
  const { plan, cluster } = context
  const topic = plan.changelogOf(spec.name)
  const metadata = (await cluster.topics([topic])).get(topic)
  if (metadata === undefined) throw changelogLost(topic, 'the topic does not exist')
  const store = { application: plan.application, store: spec.name, partition: parseTaskId(id).partition }
  return untilAvailable(context, { store: spec.name, task: id }, () =>
    context.backend.acquire(store, metadata.id, storeFingerprint(spec)),
  )
}
