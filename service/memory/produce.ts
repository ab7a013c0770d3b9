/** Produce: batches are checked, added to the transaction of their producer, and appended. */
import type { Clock } from '../clock.ts'
import { type BatchHeader, readBatchHeader } from '../kafka/records/batch-header.ts'
import { decodeRecords } from '../kafka/records/decode-records.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { PartitionLog } from './partition-log.ts'
import { hasValidChecksum, isOneBatch, isTransactional } from './stored-batch.ts'
import { type AdditionContext, joinTransaction } from './transaction-additions.ts'

type ProducedPartition = AnswerOf<'Produce'>['responses'][number]['partitionResponses'][number]

export interface ProduceContext extends AdditionContext {
  readonly clock: Clock
}

export function produce(context: ProduceContext, node: number, request: RequestOf<'Produce'>): AnswerOf<'Produce'> {
  const responses = request.topicData.map(({ name, partitionData }) => ({
    name,
    partitionResponses: partitionData.map(({ index, records }) => {
      const log = context.topics.leaderLog(node, name, index)
      if (typeof log === 'number') return produced(index, { errorCode: log, baseOffset: -1 })
      const refusal = [-1, 0, 1].includes(request.acks) ? errorCode.NONE : errorCode.INVALID_REQUIRED_ACKS
      const result = refusal
        ? { errorCode: refusal, baseOffset: -1 }
        : append(context, log, records, request.transactionalId ?? null)
      return produced(index, result, log)
    }),
  }))
  return { responses, throttleTimeMs: 0, nodeEndpoints: [] }
}

function append(
  context: ProduceContext,
  log: PartitionLog,
  records: Buffer | null,
  transactionalId: string | null,
): { readonly errorCode: number; readonly baseOffset: number } {
  const refused = (code: number) => ({ errorCode: code, baseOffset: -1 })
  if (records === null || !isOneBatch(records)) return refused(errorCode.INVALID_RECORD)
  const header = readBatchHeader(records, 0)
  if (isTransactional(header) && transactionalId === null) return refused(errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  const isPlain = !isTransactional(header) || transactionalId === null
  const refusal = isPlain ? errorCode.NONE : joinTransaction(context, transactionalId, header, log)
  // What the transaction coordinator is busy with is nothing that producers know of.
  if (refusal === errorCode.COORDINATOR_LOAD_IN_PROGRESS) return refused(errorCode.NOT_ENOUGH_REPLICAS)
  const flaw = refusal || flawOf(context, log, records, header)
  return flaw === errorCode.NONE ? log.append(records, header) : refused(flaw)
}

/** What is wrong with a batch by itself, as an error code. */
function flawOf({ clock, topics }: ProduceContext, log: PartitionLog, records: Buffer, header: BatchHeader): number {
  const topic = topics.get(log.topic)
  if (topic === undefined) return errorCode.UNKNOWN_TOPIC_OR_PARTITION
  if (records.length > Number(topics.config(topic, 'max.message.bytes'))) return errorCode.MESSAGE_TOO_LARGE
  if (!hasValidChecksum(records)) return errorCode.CORRUPT_MESSAGE
  if (header.count < 1 || header.lastOffset - header.baseOffset + 1 !== header.count) return errorCode.INVALID_RECORD
  const ahead = Number(topics.config(topic, 'message.timestamp.after.max.ms'))
  if (header.maxTimestamp > clock.now() + ahead) return errorCode.INVALID_TIMESTAMP
  if (!topics.config(topic, 'cleanup.policy').includes('compact')) return errorCode.NONE
  const { columns } = decodeRecords(records, 0, records.length, 0, null)
  for (let i = 0; i < columns.count; i++) if (columns.keyLength(i) < 0) return errorCode.INVALID_RECORD
  return errorCode.NONE
}

function produced(index: number, result: { errorCode: number; baseOffset: number }, log?: PartitionLog): ProducedPartition {
  const isRefused = result.errorCode !== errorCode.NONE
  return {
    index,
    ...result,
    logAppendTimeMs: -1,
    logStartOffset: isRefused ? -1 : (log?.startOffset ?? -1),
    recordErrors: [],
    errorMessage: null,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
  }
}
