/** Error codes that a broker gives where nobody is to blame: while leaders and coordinators move, load, or lack their replicas. */
import { joinError, syncError } from '../../service/memory/group.ts'
import type { ErrorName } from '../../service/commit/verdicts.ts'
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { SentRequest } from './connection.ts'

/** What a broker answers, by whether it had done what was asked of it by then. */
interface Codes {
  readonly undone?: readonly ErrorName[]
  readonly done?: readonly ErrorName[]
}

export interface Refusal {
  readonly code: ErrorName
  /** The request takes effect all the same. */
  readonly isDone: boolean
}

const coordinatorMoves = ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'] as const
const leaderMoves = ['NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH', 'KAFKA_STORAGE_ERROR'] as const

/** Of a request that only reads, the answer is changed: what it did is nothing either way. */
const codes: Readonly<Partial<Record<Api, Codes>>> = {
  Produce: {
    undone: ['NOT_LEADER_OR_FOLLOWER', 'NOT_ENOUGH_REPLICAS', 'KAFKA_STORAGE_ERROR', 'CONCURRENT_TRANSACTIONS'],
    done: ['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_LEADER_OR_FOLLOWER'],
  },
  AddPartitionsToTxn: {
    undone: [...coordinatorMoves, 'CONCURRENT_TRANSACTIONS', 'UNKNOWN_TOPIC_OR_PARTITION'],
    done: ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  },
  AddOffsetsToTxn: {
    undone: [...coordinatorMoves, 'CONCURRENT_TRANSACTIONS'],
    done: ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  },
  // A coordinator that appends to its log and waits for the replicas in vain says that it is not available.
  TxnOffsetCommit: {
    undone: [...coordinatorMoves, 'CONCURRENT_TRANSACTIONS'],
    done: ['COORDINATOR_NOT_AVAILABLE', 'REQUEST_TIMED_OUT'],
  },
  OffsetCommit: { undone: coordinatorMoves, done: ['COORDINATOR_NOT_AVAILABLE', 'REQUEST_TIMED_OUT'] },
  EndTxn: {
    undone: [...coordinatorMoves, 'CONCURRENT_TRANSACTIONS'],
    done: ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  },
  InitProducerId: {
    undone: [...coordinatorMoves, 'CONCURRENT_TRANSACTIONS'],
    done: ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  },
  JoinGroup: { undone: coordinatorMoves },
  SyncGroup: { undone: [...coordinatorMoves, 'REBALANCE_IN_PROGRESS'] },
  // One that loads answers heartbeats well, blindly.
  Heartbeat: { undone: ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'] },
  LeaveGroup: { undone: coordinatorMoves },
  DeleteRecords: { undone: ['NOT_LEADER_OR_FOLLOWER', 'KAFKA_STORAGE_ERROR'], done: ['REQUEST_TIMED_OUT'] },
  OffsetFetch: { undone: coordinatorMoves },
  ListTransactions: { undone: ['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE'] },
  FindCoordinator: { done: ['COORDINATOR_NOT_AVAILABLE'] },
  Metadata: { done: ['LEADER_NOT_AVAILABLE'] },
  Fetch: { done: [...leaderMoves, 'UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_OUT_OF_RANGE'] },
  ListOffsets: { done: [...leaderMoves, 'LEADER_NOT_AVAILABLE', 'OFFSET_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION'] },
  OffsetForLeaderEpoch: { done: [...leaderMoves, 'UNKNOWN_TOPIC_OR_PARTITION'] },
  DescribeProducers: { done: ['NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_TOPIC_OR_PARTITION'] },
}

/** The refusals that a request of that kind may get. */
export function refusalsOf(api: Api): readonly Refusal[] {
  const { undone = [], done = [] } = codes[api] ?? {}
  return [...undone.map((code) => ({ code, isDone: false })), ...done.map((code) => ({ code, isDone: true }))]
}

type Topics<N extends string> = readonly { readonly name: string; readonly partitions: readonly Readonly<Record<N, number>>[] }[]

/** The answer to a request that was not carried out. */
export function refusedAnswer({ api, body }: SentRequest, name: ErrorName): unknown {
  const code = errorCode[name]
  const throttleTimeMs = 0
  const eachPartition = <N extends string>(topics: Topics<N>, index: N, more = {}) =>
    topics.map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.map((one) => ({ partitionIndex: one[index], errorCode: code, ...more })),
    }))
  switch (api) {
    case 'Produce':
      return refusedProduce(body as RequestOf<'Produce'>, code)
    case 'TxnOffsetCommit':
    case 'OffsetCommit':
      return { throttleTimeMs, topics: eachPartition((body as RequestOf<'OffsetCommit'>).topics, 'partitionIndex') }
    case 'DeleteRecords': {
      const { topics } = body as RequestOf<'DeleteRecords'>
      return { throttleTimeMs, topics: eachPartition(topics, 'partitionIndex', { lowWatermark: -1 }) }
    }
    case 'AddPartitionsToTxn': {
      const { v3AndBelowTopics: topics } = body as RequestOf<'AddPartitionsToTxn'>
      const results = topics.map(({ name: topic, partitions }) => ({
        name: topic,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: code })),
      }))
      return { throttleTimeMs, resultsByTopicV3AndBelow: results }
    }
    case 'JoinGroup':
      return joinError((body as RequestOf<'JoinGroup'>).memberId, code)
    case 'SyncGroup':
      return syncError(code)
    case 'LeaveGroup':
      return { throttleTimeMs, errorCode: code, members: [] }
    case 'OffsetFetch':
      return { throttleTimeMs, errorCode: code, topics: [] }
    case 'ListTransactions':
      return { throttleTimeMs, errorCode: code, unknownStateFilters: [], transactionStates: [] }
    default:
      return { throttleTimeMs, errorCode: code, producerId: -1, producerEpoch: -1 }
  }
}

function refusedProduce({ topicData }: RequestOf<'Produce'>, code: number): AnswerOf<'Produce'> {
  return {
    throttleTimeMs: 0,
    nodeEndpoints: [],
    responses: topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode: code,
        baseOffset: -1,
        logAppendTimeMs: -1,
        logStartOffset: -1,
        recordErrors: [],
        errorMessage: null,
        currentLeader: { leaderId: -1, leaderEpoch: -1 },
      })),
    })),
  }
}

const codeFields = ['errorCode', 'partitionErrorCode'] as const

/** What an answer says where the code is an error. */
const nothing: Readonly<Record<string, unknown>> = {
  baseOffset: -1,
  offset: -1,
  endOffset: -1,
  timestamp: -1,
  lowWatermark: -1,
  highWatermark: -1,
  lastStableOffset: -1,
  producerId: -1,
  producerEpoch: -1,
  nodeId: -1,
  leaderId: -1,
  abortedTransactions: null,
  activeProducers: [],
  records: Buffer.alloc(0),
}

/**
 * The answer with an error code in the places of it that `isHit` picks: partitions where it has them, else the answer as a whole. The first is always
 * hit.
 */
export function alteredAnswer(answer: unknown, name: ErrorName, isHit: () => boolean): unknown {
  let isFirst = true
  const alter = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(alter)
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
    const fields = Object.entries(value)
    const hasInner = fields.some(([, field]) => Array.isArray(field) && field.some(hasCode))
    if (hasInner) return Object.fromEntries(fields.map(([key, field]) => [key, Array.isArray(field) ? field.map(alter) : field]))
    const field = codeFields.find((name) => name in value)
    if (field === undefined || !(isFirst || isHit())) return value
    isFirst = false
    const emptied = fields.map(([key, held]) => [key, key in nothing ? nothing[key] : held])
    return { ...Object.fromEntries(emptied), [field]: errorCode[name] }
  }
  return alter(answer)
}

/** Whether an error code stands here or somewhere inside. */
function hasCode(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    codeFields.some((name) => name in value) || Object.values(value).some((field) => Array.isArray(field) && field.some(hasCode))
  )
}
