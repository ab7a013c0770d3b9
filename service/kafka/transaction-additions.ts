/** Protocol 1: what a transaction is going to write to is added to it by requests of their own; 2 does it within the writing. */
import { errorOf, verdictError } from '../commit/verdict-errors.ts'
import { askCoordinator } from './coordinator-request.ts'
import { byTopic, type TopicPartition } from './partition-key.ts'
import { type ProducerIdentity, type TransactionOptions, transactionLimits, transactionPurpose } from './transaction-requests.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'

/**
 * Adds the partitions to the transaction, and begins it if none is open. Where no answer comes the transaction is given up: a request that
 * is late would open the next one.
 * @throws RetakeError, FencedError, FatalError, LostError (from the guard).
 */
export async function addPartitionsToTxn(
  options: TransactionOptions,
  identity: ProducerIdentity,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const { cluster, transactionalId, timeoutMs, guard } = options
  const codeOf = (answer: AnswerOf<'AddPartitionsToTxn'>) => firstRefusal(answer)
  try {
    const answer = await askCoordinator(cluster, {
      kind: 'transaction',
      key: transactionalId,
      purpose: transactionPurpose,
      api: 'AddPartitionsToTxn',
      body: {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: identity.producerId,
        v3AndBelowProducerEpoch: identity.producerEpoch,
        v3AndBelowTopics: byTopic(partitions, ({ partition }) => partition),
      },
      codeOf,
      unanswered: 'throw',
      guard,
      limits: transactionLimits(options),
      timeoutMs,
    })
    const code = codeOf(answer)
    if (code !== errorCode.NONE) throw errorOf('AddPartitionsToTxn', code, { transactionalId })
  } catch (error) {
    throw verdictError('AddPartitionsToTxn', error, { transactionalId })
  }
}

/** Adds the group's partition of the offsets topic, as `addPartitionsToTxn` does others. @throws the same. */
export async function addOffsetsToTxn(options: TransactionOptions, identity: ProducerIdentity, group: string): Promise<void> {
  const { cluster, transactionalId, timeoutMs, guard } = options
  try {
    const { errorCode: code } = await askCoordinator(cluster, {
      kind: 'transaction',
      key: transactionalId,
      purpose: transactionPurpose,
      api: 'AddOffsetsToTxn',
      body: { transactionalId, ...identity, groupId: group },
      codeOf: (answer) => answer.errorCode,
      unanswered: 'throw',
      guard,
      limits: transactionLimits(options),
      timeoutMs,
    })
    if (code !== errorCode.NONE) throw errorOf('AddOffsetsToTxn', code, { transactionalId, group })
  } catch (error) {
    throw verdictError('AddOffsetsToTxn', error, { transactionalId, group })
  }
}

/** Either all partitions are added or none: those that were not at fault say that they were not tried. */
function firstRefusal({ resultsByTopicV3AndBelow }: AnswerOf<'AddPartitionsToTxn'>): number {
  const codes = resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition.map((result) => result.partitionErrorCode))
  const refused = codes.filter((code) => code !== errorCode.NONE)
  return refused.find((code) => code !== errorCode.OPERATION_NOT_ATTEMPTED) ?? refused[0] ?? errorCode.NONE
}
