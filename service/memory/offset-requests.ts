/** OffsetCommit, TxnOffsetCommit and OffsetFetch. */
import type { Clock } from '../clock.ts'
import { readBatchHeader } from '../kafka/records/batch-header.ts'
import { RecordBatchBuilder } from '../kafka/records/record-batch-builder.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { OffsetPlace, OffsetStore } from './offset-store.ts'
import { offsetsTopic } from './topics.ts'
import { type AdditionContext, joinTransaction } from './transaction-additions.ts'

const metadataLengthMax = 4096

export interface OffsetContext extends AdditionContext {
  readonly clock: Clock
  readonly offsets: OffsetStore
}

type CommittedTopics = RequestOf<'OffsetCommit'>['topics']
type CommittedPartition = CommittedTopics[number]['partitions'][number]

export function commitOffsets(
  context: OffsetContext,
  node: number,
  request: RequestOf<'OffsetCommit'>,
): AnswerOf<'OffsetCommit'> {
  const { groupId, memberId, groupInstanceId = null, generationIdOrMemberEpoch: generation = -1, topics } = request
  const refusal =
    context.groups.refusal(node, groupId) ||
    context.groups.validateCommit({ groupId, memberId, instanceId: groupInstanceId, generation, transactional: false })
  return commitEach(context, topics, refusal, (topic, committed) => {
    context.offsets.commit({ group: groupId, topic, partition: committed.partitionIndex }, valueOf(committed))
  })
}

/** The offsets hold once the marker of the transaction has landed on the group's partition of the offsets topic. */
export function commitOffsetsInTransaction(
  context: OffsetContext,
  node: number,
  request: RequestOf<'TxnOffsetCommit'>,
): AnswerOf<'TxnOffsetCommit'> {
  const { groupId, memberId = '', groupInstanceId = null, generationId = -1, producerId, topics } = request
  const partition = context.groups.partitionOf(groupId)
  const refusal =
    context.groups.refusal(node, groupId) ||
    joinOffsets(context, request, partition) ||
    context.groups.validateCommit({
      groupId,
      memberId,
      instanceId: groupInstanceId,
      generation: generationId,
      transactional: true,
    }) ||
    appendCommit(context, request, partition)
  return commitEach(context, topics, refusal, (topic, committed) => {
    const place = { group: groupId, topic, partition: committed.partitionIndex }
    context.offsets.stage(place, valueOf(committed), { producerId, partition })
  })
}

export function fetchOffsets(context: OffsetContext, node: number, request: RequestOf<'OffsetFetch'>): AnswerOf<'OffsetFetch'> {
  const { groupId, requireStable = false } = request
  const refusal = context.groups.refusal(node, groupId)
  if (refusal !== errorCode.NONE) return { throttleTimeMs: 0, topics: [], errorCode: refusal }
  const asked = request.topics ?? allTopics(context.offsets, groupId)
  const topics = asked.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) =>
      fetchOne(context.offsets, { group: groupId, topic: name, partition }, requireStable),
    ),
  }))
  return { throttleTimeMs: 0, topics, errorCode: errorCode.NONE }
}

function fetchOne(
  offsets: OffsetStore,
  place: OffsetPlace,
  requireStable: boolean,
): AnswerOf<'OffsetFetch'>['topics'][number]['partitions'][number] {
  const isUnstable = requireStable && offsets.isPending(place)
  const committed = isUnstable ? undefined : offsets.get(place)
  return {
    partitionIndex: place.partition,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode: isUnstable ? errorCode.UNSTABLE_OFFSET_COMMIT : errorCode.NONE,
  }
}

function allTopics(offsets: OffsetStore, groupId: string): { readonly name: string; readonly partitionIndexes: number[] }[] {
  const byTopic = Map.groupBy(offsets.of(groupId), ({ topic }) => topic)
  return [...byTopic].map(([name, places]) => ({ name, partitionIndexes: places.map(({ partition }) => partition) }))
}

/** Brings the group's partition of the offsets topic into the transaction, as the first TxnOffsetCommit of it does; an error code. */
function joinOffsets(context: OffsetContext, request: RequestOf<'TxnOffsetCommit'>, partition: number): number {
  const log = context.topics.log(offsetsTopic, partition)
  if (log === undefined) return errorCode.COORDINATOR_NOT_AVAILABLE
  const code = joinTransaction(context, request.transactionalId, request, log)
  return code === errorCode.NOT_ENOUGH_REPLICAS ? errorCode.COORDINATOR_NOT_AVAILABLE : code
}

/** Writes the commit to the offsets topic, whose log then has an open transaction; an error code. */
function appendCommit(context: OffsetContext, request: RequestOf<'TxnOffsetCommit'>, partition: number): number {
  const log = context.topics.log(offsetsTopic, partition)
  if (log === undefined) return errorCode.COORDINATOR_NOT_AVAILABLE
  const { producerId, producerEpoch } = request
  const builder = new RecordBatchBuilder(1024)
  // The coordinator's own encoding of commits is nobody's business but its own: here the key names the group, and that is all.
  builder.append(request.groupId, '', context.clock.now())
  const bytes = builder.finish({ producerId, producerEpoch, firstSequence: -1, transactional: true, compression: 'none' })
  return log.append(bytes, readBatchHeader(bytes, 0)).errorCode
}

/** Commits each partition that is not refused; the answers of both kinds of commit are the same. */
function commitEach(
  { topics: known }: OffsetContext,
  topics: CommittedTopics,
  refusal: number,
  commit: (topic: string, committed: CommittedPartition) => void,
): AnswerOf<'OffsetCommit'> {
  const answered = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((committed) => {
      const isTooLarge = (committed.committedMetadata?.length ?? 0) > metadataLengthMax
      const flaw = known.get(name) === undefined ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NONE
      const code = flaw || refusal || (isTooLarge ? errorCode.OFFSET_METADATA_TOO_LARGE : errorCode.NONE)
      if (code === errorCode.NONE) commit(name, committed)
      return { partitionIndex: committed.partitionIndex, errorCode: code }
    }),
  }))
  return { throttleTimeMs: 0, topics: answered }
}

function valueOf(committed: CommittedPartition): { offset: number; leaderEpoch: number; metadata: string } {
  const { committedOffset, committedLeaderEpoch = -1, committedMetadata } = committed
  return { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata ?? '' }
}
