/** Where the group begins to read a partition that it never read: resolved and committed before anything is fetched (P11). */
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../commit/offset-metadata.ts'
import type { SourcePosition } from '../commit/progress-record.ts'
import { ConnectionError, StoppedError } from '../errors.ts'
import type { TopicMetadata } from '../kafka/cluster.ts'
import {
  commitOffsets,
  fetchStableOffsets,
  listOffsets,
  type OffsetAt,
  partitionKey,
  type TopicPartition,
} from '../kafka/offsets.ts'
import type { SourceNode } from '../topology/node.ts'
import { type Plan, sourceOf } from '../topology/plan.ts'
import type { Source } from './stable-offsets.ts'
import { limitsOf, type TakingContext } from './taking-context.ts'

const memberlessPauseMs = 1000

export interface Started {
  readonly positions: readonly SourcePosition[]
  /** Per topic, how many partitions it had when the group first read it. */
  readonly partitionsAtStart: ReadonlyMap<string, number>
}

/** @throws StoppedError when aborted, or begun anew under another membership; LostError, RetakeError when this worker may not commit */
export async function startReading(context: TakingContext, sources: readonly Source[]): Promise<Started> {
  const positions: SourcePosition[] = []
  const partitionsAtStart = new Map<string, number>()
  if (sources.length === 0) return { positions, partitionsAtStart }
  const { cluster, group, plan, signal } = context
  for (const { topic, partition, metadata } of sources) {
    const startAt = startAtOf(plan, topic)
    const known = startAt === 'earliest' ? metadata.partitions.length : await partitionsWhenFirstRead(context, topic, metadata)
    partitionsAtStart.set(topic, known)
    const found = await offsetAt(context, { topic, partition }, partition < known ? startAt : 'earliest')
    // Where there is no record as new as the timestamp asked for, what comes next will be.
    const position = found >= 0 ? found : await offsetAt(context, { topic, partition }, 'latest')
    positions.push({ topic, topicId: metadata.id, partition, position })
  }
  const committed = positions.map(({ topic, partition, position }) => ({
    topic,
    partition,
    offset: position,
    metadata: encodeOffsetMetadata({
      batch: 0,
      partitionsAtStart: partitionsAtStart.get(topic) ?? 0,
      watermarks: [null],
      stores: {},
    }),
  }))
  // Whoever lost the task while it looked around is a member still, or again: its commit would overwrite that of the next owner (P1).
  if (signal.aborted) throw new StoppedError('the start position is for another to commit')
  const membership = context.membership()
  try {
    await commitOffsets(cluster, group, membership, committed, limitsOf(context))
  } catch (error) {
    if (error instanceof ConnectionError) return await newMembership(context, membership.memberId, error)
    throw error
  }
  return { positions, partitionsAtStart }
}

/** A commit that is late would set the group back to where it began: nothing may be committed under this membership any more. */
async function newMembership({ post, clock, signal }: TakingContext, memberId: string, cause: ConnectionError): Promise<never> {
  post({ kind: 'renew', memberId, reason: `a start position may still arrive: ${cause.message}` })
  // The loss of the membership ends this taking.
  while (!signal.aborted) await clock.sleep(memberlessPauseMs, signal)
  throw new StoppedError('taken anew under another membership', { cause })
}

/** −1 where no record is as new. */
async function offsetAt(context: TakingContext, { topic, partition }: TopicPartition, at: OffsetAt): Promise<number> {
  const offsets = await listOffsets(context.cluster, [{ topic, partition }], at, 'read_committed', limitsOf(context))
  return offsets.get(partitionKey(topic, partition))?.offset ?? -1
}

/** As the topology says of its source; a repartition topic is read from its beginning. */
const startAtOf = (plan: Plan, topic: string): SourceNode['startAt'] => sourceOf(plan, topic)?.startAt ?? 'earliest'

/** As some other partition of the topic has it in its metadata; else the group reads it for the first time now. */
async function partitionsWhenFirstRead(context: TakingContext, topic: string, metadata: TopicMetadata): Promise<number> {
  const { cluster, group, clock, signal } = context
  const partitions = metadata.partitions.map(({ index }) => ({ topic, partition: index }))
  while (!signal.aborted) {
    const answer = await fetchStableOffsets(cluster, group, partitions, limitsOf(context))
    if (answer === 'unstable') {
      await clock.sleep(10, signal)
      continue
    }
    const known = [...answer.values()].flatMap(({ metadata: text }) => decodeOffsetMetadata(text)?.partitionsAtStart ?? [])
    return known.length === 0 ? metadata.partitions.length : Math.min(...known)
  }
  throw new StoppedError('taking was given up')
}
