/** The transaction coordinators of all nodes: transactional ids, their time-outs, and the requests about them. */
import type { Clock } from '../clock.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { TransactionProtocol } from '../kafka/wire/transaction-protocol.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Timers } from './timers.ts'
import { coordinatorPartition, type Topics, transactionsTopic } from './topics.ts'
import { type ProducerIdentity, Transaction, type Verdict } from './transaction.ts'
import type { TransactionMarkers } from './transaction-markers.ts'

const timeoutMsMax = 900_000
const noIdentity = { producerId: -1, producerEpoch: -1 }
const states = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
]

export interface TransactionCoordinatorOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly topics: Topics
  readonly markers: TransactionMarkers
  readonly protocol: TransactionProtocol
  /** The epoch that a new transactional id begins with: near 32 766, tests see it wear out. */
  readonly firstEpoch: number
}

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #transactions = new Map<string, Transaction>()
  #producerIds = 1000

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
  }

  /** The node that a transactional id belongs to. */
  nodeOf(transactionalId: string): number {
    return this.#logOf(transactionalId)?.leader ?? -1
  }

  initialise(node: number, request: RequestOf<'InitProducerId'>): AnswerOf<'InitProducerId'> {
    const { transactionalId, transactionTimeoutMs, producerId = -1, producerEpoch = -1 } = request
    if (transactionalId === null) return identityAnswer({ producerId: this.#newProducerId(), producerEpoch: 0 })
    if (transactionalId === '') return identityAnswer(errorCode.INVALID_REQUEST)
    const refusal = this.#refusal(node, transactionalId)
    if (refusal !== errorCode.NONE) return identityAnswer(refusal)
    if (transactionTimeoutMs <= 0 || transactionTimeoutMs > timeoutMsMax)
      return identityAnswer(errorCode.INVALID_TRANSACTION_TIMEOUT)
    const transaction = this.#transactions.get(transactionalId) ?? this.#create(transactionalId, transactionTimeoutMs)
    const expected = producerEpoch < 0 ? null : { producerId, producerEpoch }
    const verdict = transaction.initialise(expected, transactionTimeoutMs)
    if (verdict !== 'fence') return identityAnswer(verdict)
    this.#fence(transaction)
    return identityAnswer(errorCode.CONCURRENT_TRANSACTIONS)
  }

  get protocol(): TransactionProtocol {
    return this.#options.protocol
  }

  /** Adds a partition on behalf of its producer, or of the broker that leads it, as Produce v12 and TxnOffsetCommit v5 do; an error code. */
  addPartition(transactionalId: string, identity: ProducerIdentity, log: PartitionLog): number {
    const { clock, timers } = this.#options
    const transaction = this.#transactions.get(transactionalId)
    if (this.#logOf(transactionalId)?.isLoading) return errorCode.COORDINATOR_LOAD_IN_PROGRESS
    if (transaction === undefined) return errorCode.INVALID_PRODUCER_ID_MAPPING
    const wasOngoing = transaction.state === 'Ongoing'
    const verdict = transaction.addPartition(identity, log, clock.now())
    if (verdict === errorCode.NONE && !wasOngoing) {
      timers.set(timerOf(transaction), transaction.timeoutMs, () => this.#fence(transaction))
    }
    return verdict
  }

  /** For the broker that leads the partition, under protocol 1: whether it was added; an error code. */
  verifyPartition(transactionalId: string, identity: ProducerIdentity, log: PartitionLog): number {
    if (this.#logOf(transactionalId)?.isLoading) return errorCode.COORDINATOR_LOAD_IN_PROGRESS
    return this.#transactions.get(transactionalId)?.verifyPartition(identity, log) ?? errorCode.INVALID_PRODUCER_ID_MAPPING
  }

  end(node: number, request: RequestOf<'EndTxn'>): AnswerOf<'EndTxn'> {
    const { transactionalId, committed } = request
    const refusal = this.#refusal(node, transactionalId)
    if (refusal !== errorCode.NONE) return identityAnswer(refusal)
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined) return identityAnswer(errorCode.INVALID_PRODUCER_ID_MAPPING)
    const verdict = transaction.end(request, committed, this.#options.clock.now())
    if (verdict !== 'prepared') return identityAnswer(typeof verdict === 'number' || this.protocol === 2 ? verdict : noIdentity)
    // Under protocol 1 the answer has no place for an identity.
    const next = this.protocol === 2 ? transaction.next : noIdentity
    this.#sendMarkers(transaction)
    return identityAnswer(next)
  }

  list(node: number, request: RequestOf<'ListTransactions'>): AnswerOf<'ListTransactions'> {
    const { stateFilters, producerIdFilters, durationFilter = -1 } = request
    const now = this.#options.clock.now()
    const isLoading = this.#options.topics.get(transactionsTopic)?.partitions.some((log) => log.leader === node && log.isLoading)
    if (isLoading) {
      const code = errorCode.COORDINATOR_LOAD_IN_PROGRESS
      return { throttleTimeMs: 0, errorCode: code, unknownStateFilters: [], transactionStates: [] }
    }
    const unknownStateFilters = stateFilters.filter((state) => !states.includes(state))
    const shown = [...this.#transactions.values()].filter(
      (t) =>
        this.nodeOf(t.transactionalId) === node &&
        (stateFilters.length === 0 || stateFilters.includes(t.state)) &&
        (producerIdFilters.length === 0 || producerIdFilters.includes(t.producerId)) &&
        (durationFilter < 0 || (t.startedAt >= 0 && now - t.startedAt > durationFilter)),
    )
    const transactionStates = shown.map(({ transactionalId, producerId, state }) => ({
      transactionalId,
      producerId,
      transactionState: state,
    }))
    return { throttleTimeMs: 0, errorCode: errorCode.NONE, unknownStateFilters, transactionStates }
  }

  describe(node: number, request: RequestOf<'DescribeTransactions'>): AnswerOf<'DescribeTransactions'> {
    return { throttleTimeMs: 0, transactionStates: request.transactionalIds.map((id) => this.#describeOne(node, id)) }
  }

  /** Transactions that are neither complete nor empty. */
  open(): readonly Transaction[] {
    return [...this.#transactions.values()].filter((t) => t.state === 'Ongoing' || t.isPreparing)
  }

  /** Forgets a transactional id, as a broker does after seven idle days. */
  forget(transactionalId: string): void {
    this.#transactions.delete(transactionalId)
  }

  #describeOne(node: number, transactionalId: string): AnswerOf<'DescribeTransactions'>['transactionStates'][number] {
    const t = this.#transactions.get(transactionalId)
    const isHere = this.nodeOf(transactionalId) === node
    const byTopic = Map.groupBy(t?.partitions ?? [], (log) => log.topic)
    return {
      errorCode: isHere ? (t === undefined ? errorCode.TRANSACTIONAL_ID_NOT_FOUND : errorCode.NONE) : errorCode.NOT_COORDINATOR,
      transactionalId,
      transactionState: t?.state ?? '',
      transactionTimeoutMs: t?.timeoutMs ?? 0,
      transactionStartTimeMs: t?.startedAt ?? 0,
      producerId: t?.producerId ?? 0,
      producerEpoch: t?.epoch ?? 0,
      topics: [...byTopic].map(([topic, logs]) => ({ topic, partitions: logs.map((log) => log.partition) })),
    }
  }

  #logOf(transactionalId: string): PartitionLog | undefined {
    const partitions = this.#options.topics.get(transactionsTopic)?.partitions ?? []
    return partitions[coordinatorPartition(transactionalId, partitions.length)]
  }

  #refusal(node: number, transactionalId: string): number {
    const log = this.#logOf(transactionalId)
    if (log?.leader !== node) return errorCode.NOT_COORDINATOR
    return log.isLoading ? errorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode.NONE
  }

  #create(transactionalId: string, timeoutMs: number): Transaction {
    const newProducerId = () => this.#newProducerId()
    const { firstEpoch, protocol } = this.#options
    const transaction = new Transaction(transactionalId, { protocol, timeoutMs, firstEpoch, newProducerId })
    this.#transactions.set(transactionalId, transaction)
    return transaction
  }

  #fence(transaction: Transaction): void {
    transaction.fence()
    this.#sendMarkers(transaction)
  }

  #sendMarkers(transaction: Transaction): void {
    this.#options.timers.cancel(timerOf(transaction))
    const { producerId, epoch, state } = transaction
    const marker = { producerId, producerEpoch: epoch, commit: state === 'PrepareCommit' }
    this.#options.markers.send([...transaction.partitions], marker, () => transaction.complete())
  }

  #newProducerId(): number {
    return this.#producerIds++
  }
}

function timerOf(transaction: Transaction): string {
  return `transaction ${transaction.transactionalId}`
}

function identityAnswer(verdict: Verdict): AnswerOf<'InitProducerId'> {
  if (typeof verdict === 'number') return { throttleTimeMs: 0, errorCode: verdict, ...noIdentity }
  return { throttleTimeMs: 0, errorCode: errorCode.NONE, ...verdict }
}
