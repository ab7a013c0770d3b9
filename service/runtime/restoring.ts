/** Brings one store partition up to the end of its changelog, and reads its last progress record on the way (P8, P10). */
import type { ProgressRecord } from '../commit/progress-record.ts'
import { StoppedError } from '../errors.ts'
import type { Feed, FetchedChunk } from '../kafka/fetcher.ts'
import { listOffsets, partitionKey } from '../kafka/offsets.ts'
import { chunksOf } from '../state/chunks.ts'
import { countEntries, type EntryCounts } from '../state/entry-counts.ts'
import type { Marker, MarkerFacts, StoreHandle } from '../state/store-backend.ts'
import { parseTaskId, type TaskId } from '../task-id.ts'
import type { StoreSpec } from '../topology/node.ts'
import { type ChunkPlace, handOver, readChunk } from './changelog-chunk.ts'
import { freeFromDeadWriters, Patience } from './dead-writers.ts'
import { HeldBack } from './held-back.ts'
import { limitsOf, type TakingContext } from './taking-context.ts'
import { trustedMarker } from './trusted-marker.ts'
import { untilAvailable } from './until-available.ts'

export interface RestoredStore {
  readonly spec: StoreSpec
  readonly handle: StoreHandle
  readonly changelog: string
  readonly changelogId: string
  /** The store follows its changelog up to here; the next segment begins here. */
  readonly position: number
  /** Monotonic, ms: when the changelog ended there, as the store knows; −∞ where it was told so by an owner before. */
  readonly currentAt: number
  /** What it holds. */
  readonly counts: EntryCounts
  readonly progress: ProgressRecord | null
}

interface ToRestore {
  readonly id: TaskId
  readonly spec: StoreSpec
  readonly handle: StoreHandle
  /** The offset of the last progress record, where the offset metadata names it. */
  readonly lastOffset: number | undefined
}

/** @throws FatalError where the changelog cannot be read as one; StoppedError when aborted */
export async function restoreStore(context: TakingContext, store: ToRestore): Promise<RestoredStore | 'again'> {
  const { plan, cluster, clock, metrics } = context
  const begin = clock.monotonic()
  const changelog = plan.changelogOf(store.spec.name)
  const { partition } = parseTaskId(store.id)
  const changelogId = (await cluster.topics([changelog])).get(changelog)?.id ?? ''
  const target = { topic: changelog, partition }
  const at = async (where: 'earliest' | 'latest') =>
    (await listOffsets(cluster, [target], where, 'read_uncommitted', limitsOf(context))).get(partitionKey(changelog, partition))
  // The end is asked for after the offsets were read and the store was acquired: nothing that counts can come behind it.
  const currentAt = clock.monotonic()
  const { offset: end = 0, leaderEpoch = -1 } = (await at('latest')) ?? {}
  const { offset: earliest = 0 } = (await at('earliest')) ?? {}
  const found = { task: store.id, name: store.spec.name, handle: store.handle }
  const { lastOffset } = store
  const marker = await trustedMarker(context, found, { ...target, earliest, end, leaderEpoch, lastOffset })
  const from = Math.max(earliest, Math.min(marker.position, lastOffset ?? earliest))
  const feed = context.changelogs.add(changelog, partition, from)
  const behind = new HeldBack(context, { id: store.id, what: `the last records of ${changelog}, partition ${partition},` })
  try {
    const progress = await follow(context, { store, feed, marker, from, end, leaderEpoch, currentAt, behind })
    if (progress === 'again') return 'again'
    const { spec, handle } = store
    metrics.observe('caudal_restore_duration_seconds', (clock.monotonic() - begin) / 1000, { store: spec.name })
    const position = Math.max(end, marker.position)
    const at = { position, chunk: 0 }
    const counts = await untilAvailable(context, { store: spec.name, task: store.id }, () => countEntries(handle, at))
    const known = marker.position < end ? currentAt : Number.NEGATIVE_INFINITY
    return { spec, handle, changelog, changelogId, position, currentAt: known, counts, progress }
  } finally {
    metrics.set('caudal_restore_remaining_records', 0, { store: store.spec.name, partition: String(partition) })
    behind.end()
    context.changelogs.remove(feed)
  }
}

interface Following {
  readonly store: ToRestore
  readonly feed: Feed
  readonly marker: Marker
  readonly from: number
  readonly end: number
  /** Of the leader, when the changelog had this end: all up to there had been written. */
  readonly leaderEpoch: number
  readonly currentAt: number
  readonly behind: HeldBack
}

async function follow(
  context: TakingContext,
  { store, feed, marker, from, end, leaderEpoch, currentAt, behind }: Following,
): Promise<ProgressRecord | null | 'again'> {
  const { clock, signal, post, metrics } = context
  const label = { store: store.spec.name }
  let applied = marker
  let position = from
  let progress: ProgressRecord | null = null
  const patience = new Patience(clock)
  if (position < end) post({ kind: 'restoring', task: store.id, store: store.spec.name, done: 0, total: end - from })
  while (position < end) {
    if (signal.aborted) throw new StoppedError('restoring was given up')
    context.progress()
    if (feed.error) throw feed.error
    const chunk = feed.chunks.shift()
    if (chunk === undefined) {
      await nextArrival(context)
      const stuck = { topic: feed.topic, partition: feed.partition, patience, ownChangelog: true, behind }
      if (feed.chunks.length === 0 && (await freeFromDeadWriters(context, stuck))) return 'again'
      continue
    }
    behind.end()
    feed.consumed(chunk.byteLength)
    position = chunk.nextOffset
    const to = Math.min(position, end)
    const facts = to === end ? { leaderEpoch, currentAt } : { leaderEpoch }
    progress = (await applyChunk(context, store, { from: applied, to, facts, chunk, place: feed })) ?? progress
    if (to > applied.position) applied = { position: to, chunk: 0 }
    patience.renew()
    post({ kind: 'restoring', task: store.id, store: store.spec.name, done: position - from, total: end - from })
    metrics.add('caudal_restored_records_total', chunk.columns.count, label)
    const remaining = Math.max(0, end - position)
    metrics.set('caudal_restore_remaining_records', remaining, { ...label, partition: String(feed.partition) })
  }
  return progress
}

/** Waits for what is fetched, but not for ever: it may be held back by an open transaction. */
async function nextArrival({ changelogs, clock }: TakingContext): Promise<void> {
  const over = new AbortController()
  await Promise.race([changelogs.arrival(over.signal), clock.sleep(50, over.signal)])
  over.abort()
}

interface Application {
  readonly from: Marker
  readonly to: number
  readonly facts: MarkerFacts
  readonly chunk: FetchedChunk
  readonly place: ChunkPlace
}

/** The last progress record of the chunk. */
async function applyChunk(
  context: TakingContext,
  { id, spec, handle }: ToRestore,
  { from, to, facts, chunk, place }: Application,
): Promise<ProgressRecord | null> {
  if (handle.applyRecords !== undefined) {
    let progress: ProgressRecord | null = null
    handle.applyRecords(from, to, (take) => {
      progress = handOver(chunk, from.position, place, take)
    })
    return progress
  }
  const { writes, progress } = readChunk(chunk, from.position, place)
  for (const each of to > from.position ? chunksOf(from, { to, writes, ...facts }) : [])
    await untilAvailable(context, { store: spec.name, task: id }, () => handle.apply(each))
  return progress
}
