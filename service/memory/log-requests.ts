/** The requests about logs beside Produce and Fetch: ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers. */
import { decodeRecords } from '../kafka/records/decode-records.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import { epochFlaw } from './fetch.ts'
import type { PartitionLog } from './partition-log.ts'
import { isControl } from './stored-batch.ts'
import type { Topics } from './topics.ts'

const latest = -1
const earliest = -2
const newest = -3

export function listOffsets(topics: Topics, node: number, request: RequestOf<'ListOffsets'>): AnswerOf<'ListOffsets'> {
  const answered = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
      const log = topics.leaderLog(node, name, partitionIndex)
      const flaw = typeof log === 'number' ? log : epochFlaw(log, currentLeaderEpoch)
      if (typeof log === 'number' || flaw !== errorCode.NONE) {
        return { partitionIndex, errorCode: flaw, timestamp: -1, offset: -1, leaderEpoch: -1 }
      }
      const found = offsetAt(log, timestamp, request.isolationLevel === 1)
      return { partitionIndex, errorCode: errorCode.NONE, leaderEpoch: found.offset < 0 ? -1 : log.leaderEpoch, ...found }
    }),
  }))
  return { throttleTimeMs: 0, topics: answered }
}

function offsetAt(
  log: PartitionLog,
  timestamp: number,
  committed: boolean,
): { readonly offset: number; readonly timestamp: number } {
  const end = committed ? log.lastStableOffset : log.endOffset
  if (timestamp === latest) return { offset: end, timestamp: -1 }
  if (timestamp === earliest) return { offset: log.startOffset, timestamp: -1 }
  const none = { offset: -1, timestamp: -1 }
  const wanted = timestamp === newest ? Math.max(-1, ...log.batches.map(({ header }) => header.maxTimestamp)) : timestamp
  const batch = log.batches.find(({ header }) => header.maxTimestamp >= wanted && !isControl(header))
  if (batch === undefined) return none
  const { columns } = decodeRecords(batch.bytes, 0, batch.bytes.length, log.startOffset, null)
  for (let i = 0; i < columns.count; i++) {
    const offset = columns.offsets[i] ?? -1
    const time = columns.timestamps[i] ?? -1
    if (time >= wanted) return offset < end ? { offset, timestamp: time } : none
  }
  return none
}

export function offsetForLeaderEpoch(
  topics: Topics,
  node: number,
  request: RequestOf<'OffsetForLeaderEpoch'>,
): AnswerOf<'OffsetForLeaderEpoch'> {
  const answered = request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
      const log = topics.leaderLog(node, topic, partition)
      const flaw = typeof log === 'number' ? log : epochFlaw(log, currentLeaderEpoch)
      if (typeof log === 'number' || flaw !== errorCode.NONE)
        return { errorCode: flaw, partition, leaderEpoch: -1, endOffset: -1 }
      return { errorCode: errorCode.NONE, partition, ...log.endOfEpoch(leaderEpoch) }
    }),
  }))
  return { throttleTimeMs: 0, topics: answered }
}

/** Deletes up to an offset, -1 for the end. Records of open transactions go too. */
export function deleteRecords(topics: Topics, node: number, request: RequestOf<'DeleteRecords'>): AnswerOf<'DeleteRecords'> {
  const answered = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, offset }) => {
      const log = topics.leaderLog(node, name, partitionIndex)
      const refused = (code: number) => ({ partitionIndex, lowWatermark: -1, errorCode: code })
      if (typeof log === 'number') return refused(log)
      const policy = topics.get(name)
      // `compact` alone keeps every key: only the cleaner may delete from such a topic.
      if (policy !== undefined && topics.config(policy, 'cleanup.policy') === 'compact')
        return refused(errorCode.POLICY_VIOLATION)
      if (offset > log.endOffset || offset < -1) return refused(errorCode.OFFSET_OUT_OF_RANGE)
      log.deleteBefore(offset === -1 ? log.endOffset : offset)
      return { partitionIndex, lowWatermark: log.startOffset, errorCode: errorCode.NONE }
    }),
  }))
  return { throttleTimeMs: 0, topics: answered }
}

export function describeProducers(
  topics: Topics,
  node: number,
  request: RequestOf<'DescribeProducers'>,
): AnswerOf<'DescribeProducers'> {
  const answered = request.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const log = topics.leaderLog(node, name, partitionIndex)
      if (typeof log === 'number') return { partitionIndex, errorCode: log, errorMessage: null, activeProducers: [] }
      return { partitionIndex, errorCode: errorCode.NONE, errorMessage: null, activeProducers: log.producers.active() }
    }),
  }))
  return { throttleTimeMs: 0, topics: answered }
}
