/** From which marker a store is restored: the one that was found, or that of a store which is emptied to be built anew (P12, P13). */
import { topicConfigs } from '../kafka/internal-topics.ts'
import { endOfEpoch, type TopicPartition } from '../kafka/offsets.ts'
import type { Marker, StoreHandle } from '../state/store-backend.ts'
import type { TaskId } from '../task-id.ts'
import { limitsOf, type TakingContext } from './taking-context.ts'
import { untilAvailable } from './until-available.ts'

/** A changelog as it was when the store had been acquired. */
export interface ChangelogNow extends TopicPartition {
  readonly earliest: number
  readonly end: number
  /** Of its leader, when it had this end. */
  readonly leaderEpoch: number
  /** The offset of the last committed record, where the offset metadata names it. */
  readonly lastOffset: number | undefined
}

export interface FoundStore {
  readonly task: TaskId
  readonly name: string
  readonly handle: StoreHandle
}

export async function trustedMarker(context: TakingContext, store: FoundStore, changelog: ChangelogNow): Promise<Marker> {
  const { handle, name, task } = store
  const { earliest, end, leaderEpoch } = changelog
  const reason = await distrust(context, handle, changelog)
  if (handle.marker !== null && reason === null) return handle.marker
  if (context.backend.durable && end > earliest) {
    const fields = { store: name, task, marker: handle.marker, end, reason }
    context.log.warn(fields, 'the store does not fit its changelog: building it anew')
    context.metrics.add('caudal_store_rebuilds_total', 1, { store: name })
  }
  await untilAvailable(context, { store: name, task }, () => handle.rebuild(earliest, leaderEpoch))
  return { position: earliest, chunk: 0 }
}

/** Why what is in the store can't be gone on from; null where it can. */
async function distrust(context: TakingContext, handle: StoreHandle, changelog: ChangelogNow): Promise<string | null> {
  const { marker, found, untrusted } = handle
  if (marker === null || found === null) return untrusted ?? 'it has no marker'
  const { position, chunk } = marker
  // A segment that was begun at the end of the changelog is not in it: such a store leads, and may not.
  if (position > changelog.end || (position === changelog.end && chunk > 0)) return 'it leads its changelog'
  if (position < changelog.earliest) return 'its changelog begins behind it'
  if (await wasTruncated(context, marker, found.leaderEpoch, changelog)) return 'its changelog was truncated below it'
  if (await mayLackDeletions(context, marker, found.ageMs, changelog))
    return 'its changelog may lack deletions that it has not seen'
  return null
}

/**
 * An unclean election, or a broker that lost its last writes, shortens a changelog; once it has grown again its length does not show it,
 * but the offset does at which a later leader began. Where no one was elected since, nothing was cut off.
 */
async function wasTruncated(
  { cluster, ...context }: TakingContext,
  { position, chunk }: Marker,
  leaderEpoch: number,
  { topic, partition, leaderEpoch: present }: ChangelogNow,
): Promise<boolean> {
  if (leaderEpoch < 0) return true
  if (leaderEpoch === present) return false
  // It has some of a segment whose end is not known here: any of it may be gone.
  if (chunk > 0) return true
  return (await endOfEpoch(cluster, { topic, partition, epoch: leaderEpoch }, limitsOf(context))) < position
}

/**
 * Compaction drops a deletion `delete.retention.ms` after it was first compacted: a store that had the entry before, and reads on from its
 * marker later than that, would keep it for ever. Half of that time is left for the restore and for a clock that was set, either way.
 */
async function mayLackDeletions(
  { cluster, ...context }: TakingContext,
  { position, chunk }: Marker,
  ageMs: number,
  { topic, end, lastOffset }: ChangelogNow,
): Promise<boolean> {
  // Behind the last committed record there are only markers of transactions, and what was aborted.
  const isCurrent = chunk === 0 && (position === end || (lastOffset !== undefined && position > lastOffset))
  if (isCurrent) return false
  const { deleteRetentionMs = 0 } = (await topicConfigs(cluster, [topic], limitsOf(context))).get(topic) ?? {}
  return Math.abs(ageMs) > deleteRetentionMs / 2
}
