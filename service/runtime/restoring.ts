/** Brings one store partition up to the end of its changelog, and reads its last progress record on the way (P8, P10). */
import { decodeProgress, type ProgressRecord } from '../commit/progress-record.ts'
import { parseChangelogRecord } from '../commit/changelog-record.ts'
import { FatalError, StoppedError } from '../errors.ts'
import type { Feed, FetchedChunk } from '../kafka/fetcher.ts'
import { listOffsets, partitionKey } from '../kafka/offsets.ts'
import { chunksOf, type Stretch } from '../state/chunks.ts'
import { countEntries, type EntryCounts } from '../state/entry-counts.ts'
import type { Marker, StoreHandle, StoreWrite } from '../state/store-backend.ts'
import { parseTaskId, type TaskId } from '../task-id.ts'
import type { StoreSpec } from '../topology/node.ts'
import { freeFromDeadWriters } from './dead-writers.ts'
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
  let stuckSince = clock.monotonic()
  if (position < end) post({ kind: 'restoring', task: store.id, store: store.spec.name, done: 0, total: end - from })
  while (position < end) {
    if (signal.aborted) throw new StoppedError('restoring was given up')
    context.progress()
    if (feed.error) throw feed.error
    const chunk = feed.chunks.shift()
    if (chunk === undefined) {
      await nextArrival(context)
      const stuck = { topic: feed.topic, partition: feed.partition, since: stuckSince, ownChangelog: true, behind }
      if (feed.chunks.length === 0 && (await freeFromDeadWriters(context, stuck))) return 'again'
      continue
    }
    behind.end()
    feed.consumed(chunk.byteLength)
    const read = readChunk(chunk, applied.position, feed)
    progress = read.progress ?? progress
    position = chunk.nextOffset
    const to = Math.min(position, end)
    const facts = to === end ? { leaderEpoch, currentAt } : { leaderEpoch }
    applied = await applyWrites(context, store, applied, { to, writes: read.writes, ...facts })
    stuckSince = clock.monotonic()
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

async function applyWrites(
  context: TakingContext,
  { id, spec, handle }: ToRestore,
  from: Marker,
  stretch: Stretch,
): Promise<Marker> {
  if (stretch.to <= from.position) return from
  for (const chunk of chunksOf(from, stretch)) {
    await untilAvailable(context, { store: spec.name, task: id }, () => handle.apply(chunk))
  }
  return { position: stretch.to, chunk: 0 }
}

/** The last write of each key of a chunk, from the offset `from` on, and the last progress record of all of it. */
function readChunk(
  chunk: FetchedChunk,
  from: number,
  feed: Feed,
): { readonly writes: readonly StoreWrite[]; readonly progress: ProgressRecord | null } {
  const { columns } = chunk
  const writes = new Map<string, StoreWrite>()
  let progress: ProgressRecord | null = null
  for (let i = 0; i < columns.count; i++) {
    const value = columns.value(i)
    const offset = columns.offsets[i] ?? 0
    try {
      const record = parseChangelogRecord(columns.key(i), value)
      if (record === 'progress') progress = value === null ? null : decodeProgress(value)
      else if (offset >= from) writes.set(columns.keyLatin1(i) ?? '', record)
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error
      throw new FatalError(
        `${feed.topic}-${feed.partition} at offset ${offset}: ${error.message}: is that topic a changelog of this application?`,
        { cause: error },
      )
    }
  }
  return { writes: [...writes.values()], progress }
}
