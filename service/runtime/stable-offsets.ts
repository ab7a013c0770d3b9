/** What the group has committed for the partitions of a task, once no transaction is pending on any of them (P8, P9). */
import { decodeOffsetMetadata, type OffsetMetadata } from '../commit/offset-metadata.ts'
import { FatalError, StoppedError } from '../errors.ts'
import type { TopicMetadata } from '../kafka/cluster.ts'
import { groupOffsetsPartition } from '../kafka/hanging-transactions.ts'
import { type CommittedOffset, fetchStableOffsets, type TopicPartition } from '../kafka/offsets.ts'
import { pauseMs } from '../retry.ts'
import type { TaskId } from '../task-id.ts'
import { freeFromDeadWriters, Patience } from './dead-writers.ts'
import { HeldBack } from './held-back.ts'
import { limitsOf, type TakingContext } from './taking-context.ts'

/** Between two looks: short for a marker that is on its way, longer for a transaction that takes its time. */
const firstPauseMs = 10
const pauseMsMax = 200

/** A partition that the task reads. */
export interface Source extends TopicPartition {
  readonly metadata: TopicMetadata
}

/** By partitionKey. `parsed` is null where caudal did not write the metadata. */
export type StableOffsets = ReadonlyMap<string, CommittedOffset & { readonly parsed: OffsetMetadata | null }>

/** @throws FatalError for a topic that is gone */
export async function sourcesOf({ plan, cluster }: TakingContext, id: TaskId): Promise<readonly Source[]> {
  const partitions = plan.taskPartitions(id)
  const topics = await cluster.topics([...new Set(partitions.map(({ topic }) => topic))])
  return partitions.map(({ topic, partition }) => {
    const metadata = topics.get(topic)
    if (metadata === undefined) throw new FatalError(`topic ${topic} is gone: create it again, or take it out of the topology`)
    return { topic, partition, metadata }
  })
}

/** All in one request, repeated while they are unstable; `again` where a dead writer was fenced meanwhile. @throws StoppedError when aborted */
export async function stableOffsets(
  context: TakingContext,
  { id, partitions }: { readonly id: TaskId; readonly partitions: readonly TopicPartition[] },
): Promise<StableOffsets | 'again'> {
  const behind = new HeldBack(context, { id, what: `the offsets of group ${context.group}` })
  try {
    return await whenStable(context, partitions, behind)
  } finally {
    behind.end()
  }
}

async function whenStable(
  context: TakingContext,
  partitions: readonly TopicPartition[],
  behind: HeldBack,
): Promise<StableOffsets | 'again'> {
  const { cluster, group, clock, signal } = context
  const patience = new Patience(clock)
  for (let attempt = 0; !signal.aborted; attempt++) {
    const answer = await fetchStableOffsets(cluster, group, partitions, limitsOf(context))
    if (answer !== 'unstable') {
      return new Map([...answer].map(([key, offset]) => [key, { ...offset, parsed: decodeOffsetMetadata(offset.metadata) }]))
    }
    const stuck = await groupOffsetsPartition(cluster, group)
    if (await freeFromDeadWriters(context, { ...stuck, patience, ownChangelog: false, behind })) return 'again'
    await clock.sleep(pauseMs(clock, attempt, firstPauseMs, pauseMsMax), signal)
  }
  throw new StoppedError('reading of stable offsets was given up')
}

/** True where somebody has committed since: this worker was replaced while it took the task, and does not know it yet. */
export async function haveMoved(
  context: TakingContext,
  partitions: readonly TopicPartition[],
  offsets: StableOffsets,
): Promise<boolean> {
  const now = await fetchStableOffsets(context.cluster, context.group, partitions, limitsOf(context))
  return now === 'unstable' || [...offsets].some(([key, { offset }]) => now.get(key)?.offset !== offset)
}
