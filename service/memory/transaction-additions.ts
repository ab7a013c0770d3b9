/** AddPartitionsToTxn and AddOffsetsToTxn, with which a producer of protocol 1 says where it is going to write; and what leaders make of it. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { PartitionLog } from './partition-log.ts'
import { offsetsTopic, type Topics } from './topics.ts'
import type { ProducerIdentity } from './transaction.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'

export interface AdditionContext {
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  /** Under protocol 1 a leader asks the coordinator before it takes the first batch of a transaction (`transaction.partition.verification.enable`). */
  readonly verifiesPartitions: boolean
}

/** All partitions or none. */
export function addPartitionsToTxn(
  { topics, transactions }: AdditionContext,
  node: number,
  request: RequestOf<'AddPartitionsToTxn'>,
): AnswerOf<'AddPartitionsToTxn'> {
  const { v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId } = request
  const identity = { producerId, producerEpoch: request.v3AndBelowProducerEpoch }
  const asked = request.v3AndBelowTopics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ name, partition, log: topics.log(name, partition) })),
  )
  const isComplete = asked.every(({ log }) => log !== undefined)
  const codeOf = (log: PartitionLog | undefined): number => {
    if (transactions.nodeOf(transactionalId) !== node) return errorCode.NOT_COORDINATOR
    if (log === undefined) return errorCode.UNKNOWN_TOPIC_OR_PARTITION
    return isComplete ? transactions.addPartition(transactionalId, identity, log) : errorCode.OPERATION_NOT_ATTEMPTED
  }
  const byTopic = Map.groupBy(asked, ({ name }) => name)
  const results = [...byTopic].map(([name, ofTopic]) => ({
    name,
    resultsByPartition: ofTopic.map(({ partition, log }) => ({
      partitionIndex: partition,
      partitionErrorCode: codeOf(log),
    })),
  }))
  return { throttleTimeMs: 0, resultsByTopicV3AndBelow: results }
}

export function addOffsetsToTxn(
  { topics, groups, transactions }: AdditionContext,
  node: number,
  request: RequestOf<'AddOffsetsToTxn'>,
): AnswerOf<'AddOffsetsToTxn'> {
  const { transactionalId, groupId } = request
  const log = topics.log(offsetsTopic, groups.partitionOf(groupId))
  const isHere = transactions.nodeOf(transactionalId) === node
  if (!isHere) return { throttleTimeMs: 0, errorCode: errorCode.NOT_COORDINATOR }
  if (log === undefined) return { throttleTimeMs: 0, errorCode: errorCode.COORDINATOR_NOT_AVAILABLE }
  return { throttleTimeMs: 0, errorCode: transactions.addPartition(transactionalId, request, log) }
}

/**
 * What a leader does before it takes a batch into a transaction that is not open on its partition yet: under protocol 2 it adds the partition,
 * under 1 it asks whether that was done, or takes what comes. An error code.
 */
export function joinTransaction(
  { transactions, verifiesPartitions }: AdditionContext,
  transactionalId: string,
  { producerId, producerEpoch }: ProducerIdentity,
  log: PartitionLog,
): number {
  if (log.producers.isOpen(producerId, producerEpoch)) return errorCode.NONE
  if (transactions.protocol === 1 && !verifiesPartitions) return errorCode.NONE
  const identity = { producerId, producerEpoch }
  const verdict =
    transactions.protocol === 2
      ? transactions.addPartition(transactionalId, identity, log)
      : busyIsRetriable(transactions.verifyPartition(transactionalId, identity, log))
  return verdict === errorCode.PRODUCER_FENCED ? errorCode.INVALID_PRODUCER_EPOCH : verdict
}

/** Producers of protocol 1 don't expect that answer here. */
const busyIsRetriable = (code: number) => (code === errorCode.CONCURRENT_TRANSACTIONS ? errorCode.NOT_ENOUGH_REPLICAS : code)
