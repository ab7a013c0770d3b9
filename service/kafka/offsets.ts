/** Committed offsets of the group and the ends of partitions. */
import { errorOf, verdictError } from '../commit/verdict-errors.ts'
import { ConnectionError } from '../errors.ts'
import type { Membership } from '../runtime/seam.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator } from './coordinator-request.ts'
import { type AskLimits, askLeaders, askWithinMs } from './leader-requests.ts'
import { firstCode, type OffsetToCommit, refuseAnonymous, topicsToCommit } from './offset-to-commit.ts'
import { byTopic, partitionKey, type TopicPartition } from './partition-key.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'

export { partitionKey, type TopicPartition } from './partition-key.ts'

export interface CommittedOffset {
  /** −1: none. */
  readonly offset: number
  readonly metadata: string
  readonly leaderEpoch: number
}

export interface ListedOffset {
  /** −1: no record at or after the timestamp. */
  readonly offset: number
  /** −1 unless it was asked for by timestamp, or for the newest. */
  readonly timestamp: number
  /** Of the record; with `latest`, the present one of the leader. */
  readonly leaderEpoch: number
}

export type Isolation = 'read_committed' | 'read_uncommitted'
/**
 * Which offset of a partition: the first that is kept, the one after the last, that of the record with the newest timestamp, or the first of
 * a record not older than this.
 */
export type OffsetAt = 'earliest' | 'latest' | 'newest' | { readonly timestamp: number }

/** What stands for them in a request. */
const timestamps = { latest: -1, earliest: -2, newest: -3 } as const

const purpose = 'offsets'

/**
 * What the group has committed, by partitionKey, all partitions in one request (P8). `unstable` while a transaction that
 * wrote one of them is undecided, or its marker is on the way: see hanging-transactions.ts (P9).
 */
export async function fetchStableOffsets(
  cluster: Cluster,
  group: string,
  partitions: readonly TopicPartition[],
  limits?: AskLimits,
): Promise<'unstable' | ReadonlyMap<string, CommittedOffset>> {
  const topics = byTopic(partitions, ({ partition }) => partition).map(({ name, partitions }) => ({
    name,
    partitionIndexes: partitions,
  }))
  const codeOf = (answer: AnswerOf<'OffsetFetch'>) => {
    const code = answer.errorCode === errorCode.NONE ? firstCode(answer.topics) : answer.errorCode
    // Not an error here but an answer.
    return code === errorCode.UNSTABLE_OFFSET_COMMIT ? errorCode.NONE : code
  }
  const answer = await askCoordinator(cluster, {
    kind: 'group',
    key: group,
    purpose,
    api: 'OffsetFetch',
    body: { groupId: group, topics, requireStable: true },
    codeOf,
    unanswered: 'repeat',
    limits: { withinMs: askWithinMs, ...limits },
  })
  const code = codeOf(answer)
  if (code !== errorCode.NONE) throw errorOf('OffsetFetch', code, { group })
  const offsets = new Map<string, CommittedOffset>()
  for (const topic of answer.topics) {
    for (const found of topic.partitions) {
      if (found.errorCode === errorCode.UNSTABLE_OFFSET_COMMIT) return 'unstable'
      const { committedOffset: offset, metadata, committedLeaderEpoch: leaderEpoch } = found
      offsets.set(partitionKey(topic.name, found.partitionIndex), { offset, metadata: metadata ?? '', leaderEpoch })
    }
  }
  return offsets
}

/**
 * Commits start positions outside of a transaction, as a member of the group (P11).
 * @throws LostError, FencedError, RetakeError when the membership is not, or no longer, the present one; FatalError; ConnectionError where
 * it is unknown whether it was done, or may yet be: a broker takes it whenever it comes, as long as the membership is the same.
 */
export async function commitOffsets(
  cluster: Cluster,
  group: string,
  membership: Membership,
  offsets: readonly OffsetToCommit[],
  limits?: AskLimits,
): Promise<void> {
  refuseAnonymous(membership)
  const codeOf = (answer: AnswerOf<'OffsetCommit'>) => firstCode(answer.topics)
  const { generation, memberId, instanceId } = membership
  try {
    const answer = await askCoordinator(cluster, {
      kind: 'group',
      key: group,
      purpose,
      api: 'OffsetCommit',
      body: {
        groupId: group,
        generationIdOrMemberEpoch: generation,
        memberId,
        groupInstanceId: instanceId,
        topics: topicsToCommit(offsets),
      },
      codeOf,
      unanswered: 'throw',
      limits: { withinMs: askWithinMs, ...limits },
    })
    const code = codeOf(answer)
    if (code !== errorCode.NONE) throw errorOf('OffsetCommit', code, { group, generation })
  } catch (error) {
    if (error instanceof ConnectionError) throw error
    throw verdictError('OffsetCommit', error, { group, generation })
  }
}

/** Offsets of partitions, by partitionKey. `latest` under read_committed is the last stable offset, else the end of the log. */
export function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: OffsetAt,
  isolation: Isolation,
  limits?: AskLimits,
): Promise<ReadonlyMap<string, ListedOffset>> {
  const timestamp = typeof at === 'string' ? timestamps[at] : at.timestamp
  return askLeaders<TopicPartition, ListedOffset>(cluster, {
    kind: 'ListOffsets',
    items: partitions,
    limits,
    send: async (node, items) => {
      const topics = byTopic(items, ({ partition, leaderEpoch }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: leaderEpoch,
        timestamp,
      }))
      const body = { replicaId: -1, isolationLevel: isolation === 'read_committed' ? 1 : 0, topics }
      const answer = await cluster.wire.request(node, purpose, 'ListOffsets', body)
      return new Map(
        answer.topics.flatMap((topic) =>
          topic.partitions.map((found) => {
            const { errorCode: code, offset, timestamp, leaderEpoch } = found
            return [partitionKey(topic.name, found.partitionIndex), { code, result: { offset, timestamp, leaderEpoch } }] as const
          }),
        ),
      )
    },
  })
}

export interface EpochEnd extends TopicPartition {
  readonly epoch: number
}

/**
 * Up to where a partition's log is as it was in a leader epoch, or in those before it: the offset where a later one began, or the end;
 * −1 where the leader knows neither. A log that was truncated, and written to again, answers less than it had (KIP-101).
 */
export async function endOfEpoch(cluster: Cluster, asked: EpochEnd, limits?: AskLimits): Promise<number> {
  const { topic, partition } = asked
  const ends = await askLeaders<EpochEnd, number>(cluster, {
    kind: 'OffsetForLeaderEpoch',
    items: [asked],
    limits,
    send: async (node, items) => {
      const topics = byTopic(items, ({ partition, epoch, leaderEpoch }) => ({
        partition,
        currentLeaderEpoch: leaderEpoch,
        leaderEpoch: epoch,
      })).map(({ name, partitions }) => ({ topic: name, partitions }))
      const answer = await cluster.wire.request(node, purpose, 'OffsetForLeaderEpoch', { replicaId: -1, topics })
      return new Map(
        answer.topics.flatMap((found) =>
          found.partitions.map(
            (one) => [partitionKey(found.topic, one.partition), { code: one.errorCode, result: one.endOffset }] as const,
          ),
        ),
      )
    },
  })
  return ends.get(partitionKey(topic, partition)) ?? -1
}
