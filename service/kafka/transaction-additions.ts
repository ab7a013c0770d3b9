/** Protocol 1: what a transaction is going to write to is added to it by requests of their own; 2 does it within the writing. */
import { errorOf } from '../commit/verdict-errors.ts'
import { byTopic, type TopicPartition } from './partition-key.ts'
import { askInTransaction, type ProducerIdentity, type TransactionOptions } from './transaction-requests.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'

/** Adds the partitions to the transaction, and begins it if none is open. @throws RetakeError, FencedError, FatalError, LostError (from the guard). */
export async function addPartitionsToTxn(
  options: TransactionOptions,
  identity: ProducerIdentity,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const { transactionalId } = options
  const answer = await askInTransaction(options, {
    kind: 'transaction',
    key: transactionalId,
    api: 'AddPartitionsToTxn',
    body: {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: identity.producerId,
      v3AndBelowProducerEpoch: identity.producerEpoch,
      v3AndBelowTopics: byTopic(partitions, ({ partition }) => partition),
    },
    codeOf: firstRefusal,
    fields: { transactionalId },
  })
  const code = firstRefusal(answer)
  if (code !== errorCode.NONE) throw errorOf('AddPartitionsToTxn', code, { transactionalId })
}

/** Adds the group's partition of the offsets topic, as `addPartitionsToTxn` does others. @throws the same. */
export async function addOffsetsToTxn(options: TransactionOptions, identity: ProducerIdentity, group: string): Promise<void> {
  const { transactionalId } = options
  const { errorCode: code } = await askInTransaction(options, {
    kind: 'transaction',
    key: transactionalId,
    api: 'AddOffsetsToTxn',
    body: { transactionalId, ...identity, groupId: group },
    codeOf: (answer) => answer.errorCode,
    fields: { transactionalId, group },
  })
  if (code !== errorCode.NONE) throw errorOf('AddOffsetsToTxn', code, { transactionalId, group })
}

/** Either all partitions are added or none: those that were not at fault say that they were not tried. */
function firstRefusal({ resultsByTopicV3AndBelow }: AnswerOf<'AddPartitionsToTxn'>): number {
  const codes = resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition.map((result) => result.partitionErrorCode))
  const refused = codes.filter((code) => code !== errorCode.NONE)
  return refused.find((code) => code !== errorCode.OPERATION_NOT_ATTEMPTED) ?? refused[0] ?? errorCode.NONE
}
