/** The state of one transactional id at its coordinator, by the rules of transaction protocol 2 (KIP-890, KIP-360), or of 1. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { TransactionProtocol } from '../kafka/wire/transaction-protocol.ts'
import type { PartitionLog } from './partition-log.ts'

/**
 * ```
 *   Empty ──────────────> Ongoing ──> PrepareCommit ──> CompleteCommit ─┐
 *     ^  ^   first partition │   EndTxn     markers landed              │
 *     │  │                   └──────> PrepareAbort ───> CompleteAbort ──┤
 *     │  └── InitProducerId ────────────────────────────────────────────┤
 *     └────────────────────── (a first partition leads to Ongoing) ─────┘
 * ```
 */
export type TransactionState = 'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort'

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** An identity to answer with, or an error code. */
export type Verdict = ProducerIdentity | number

export interface TransactionOptions {
  readonly protocol: TransactionProtocol
  readonly timeoutMs: number
  readonly firstEpoch: number
  readonly newProducerId: () => number
}

/** The last epoch that a client may see; the one after it is the coordinator's, for fencing. */
const lastUsableEpoch = 32_766
const none = -1

export class Transaction {
  readonly transactionalId: string
  producerId: number
  epoch: number
  timeoutMs: number
  state: TransactionState = 'Empty'
  startedAt = none
  readonly partitions = new Set<PartitionLog>()
  /** What a client that missed the last answer still has; -1 when it must not be let in. */
  #lastEpoch = none
  #previousProducerId = none
  /** The producer id that takes over when the present transaction is complete, its epochs being used up. */
  #nextProducerId = none
  /** No client has initialised it yet. */
  #isFresh = true
  readonly #newProducerId: () => number
  readonly #protocol: TransactionProtocol

  constructor(transactionalId: string, options: TransactionOptions) {
    this.transactionalId = transactionalId
    this.#protocol = options.protocol
    this.timeoutMs = options.timeoutMs
    this.producerId = options.newProducerId()
    this.epoch = options.firstEpoch - 1
    this.#newProducerId = options.newProducerId
  }

  /** EndTxn was accepted and not all markers have landed: everything else has to wait. */
  get isPreparing(): boolean {
    return this.state === 'PrepareCommit' || this.state === 'PrepareAbort'
  }

  /** InitProducerId; `expected` is what the client believes to be. 'fence': the open transaction has to be aborted first. */
  initialise(expected: ProducerIdentity | null, timeoutMs: number): Verdict | 'fence' {
    if (this.isPreparing) return errorCode.CONCURRENT_TRANSACTIONS
    const known = this.#isFresh ? null : expected
    if (known !== null && !this.#knows(known)) return errorCode.PRODUCER_FENCED
    if (this.state === 'Ongoing') return 'fence'
    const isRepeat = known !== null && known.producerEpoch !== this.epoch
    // Seen on 4.3.1: a repeat that finds the epochs used up is an exception inside the broker, every time.
    if (isRepeat && this.epoch >= lastUsableEpoch) return errorCode.UNKNOWN_SERVER_ERROR
    if (isRepeat && known.producerEpoch !== this.#lastEpoch) return errorCode.PRODUCER_FENCED
    const before = this.producerId
    // A producer that named itself may come again after a lost answer; after a nameless one nobody may.
    if (!isRepeat) this.#bump(known === null ? none : this.epoch)
    this.#previousProducerId = before
    this.#isFresh = false
    this.timeoutMs = timeoutMs
    this.state = 'Empty'
    this.startedAt = none
    return this.#identity()
  }

  /** Adds a partition to the transaction and begins one if none is open; an error code. */
  addPartition(identity: ProducerIdentity, log: PartitionLog, now: number): number {
    if (this.#protocol === 2 && this.isPreparing) return errorCode.CONCURRENT_TRANSACTIONS
    const refusal = this.#refusal(identity)
    if (refusal !== errorCode.NONE) return refusal
    if (this.state !== 'Ongoing') {
      this.state = 'Ongoing'
      this.startedAt = now
    }
    this.partitions.add(log)
    this.#previousProducerId = this.producerId
    return errorCode.NONE
  }

  /** Whether the partition is in the open transaction of that producer, as a leader asks before it takes a batch under protocol 1; an error code. */
  verifyPartition(identity: ProducerIdentity, log: PartitionLog): number {
    const refusal = this.#refusal(identity)
    if (refusal !== errorCode.NONE) return refusal
    return this.state === 'Ongoing' && this.partitions.has(log) ? errorCode.NONE : errorCode.TRANSACTION_ABORTABLE
  }

  /** EndTxn; 'prepared': the markers have to be written now. Tables in `TransactionCoordinator.endTransaction`, of Kafka 4 and of 3. */
  end(identity: ProducerIdentity, commit: boolean, now: number): Verdict | 'prepared' {
    return this.#protocol === 2 ? this.#endWithNewEpoch(identity, commit, now) : this.#endInEpoch(identity, commit)
  }

  #endInEpoch(identity: ProducerIdentity, commit: boolean): Verdict | 'prepared' {
    const { producerId, producerEpoch } = identity
    if (producerId !== this.producerId) return errorCode.INVALID_PRODUCER_ID_MAPPING
    if (producerEpoch !== this.epoch) return errorCode.PRODUCER_FENCED
    if (this.state === 'Ongoing') return this.#prepare(commit)
    const isSame = this.state === (commit ? 'CompleteCommit' : 'CompleteAbort')
    const isUnderWay = this.state === (commit ? 'PrepareCommit' : 'PrepareAbort')
    return isSame ? this.#identity() : isUnderWay ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.INVALID_TXN_STATE
  }

  #endWithNewEpoch(identity: ProducerIdentity, commit: boolean, now: number): Verdict | 'prepared' {
    const isRetryOfBump = this.epoch === identity.producerEpoch + 1
    const isRetryOfRotation =
      this.#previousProducerId === identity.producerId && identity.producerEpoch === lastUsableEpoch && this.epoch === 0
    if (identity.producerId !== this.producerId && !isRetryOfRotation) return errorCode.INVALID_PRODUCER_ID_MAPPING
    const isCurrent = identity.producerEpoch === this.epoch
    if (this.isPreparing) return isRetryOfBump ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.PRODUCER_FENCED
    if (this.state === 'CompleteCommit' || this.state === 'CompleteAbort') {
      const sameResult = (this.state === 'CompleteCommit') === commit
      if (isRetryOfBump || isRetryOfRotation) return sameResult ? this.#identity() : errorCode.INVALID_TXN_STATE
    }
    if (!isCurrent) return errorCode.PRODUCER_FENCED
    if (this.state === 'Ongoing') return this.#prepare(commit)
    if (commit) return errorCode.INVALID_TXN_STATE
    // An abort of nothing is allowed: a client that does not know whether its first Produce arrived may send one.
    this.startedAt = now
    return this.#prepare(false)
  }

  /**
   * Aborts the open transaction for somebody else, or because it took too long, under a new epoch. Under protocol 2 a broker lets its producer
   * in again, one epoch on; under 1 nobody but a nameless one.
   */
  fence(): void {
    this.#prepare(false)
    if (this.#protocol === 2) return
    this.epoch = Math.min(this.epoch + 1, lastUsableEpoch + 1)
    this.#lastEpoch = none
  }

  /** All markers have landed. */
  complete(): void {
    this.state = this.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort'
    this.#previousProducerId = this.producerId
    if (this.#nextProducerId !== none) {
      this.producerId = this.#nextProducerId
      this.#nextProducerId = none
      this.epoch = 0
    }
    this.partitions.clear()
  }

  /** The identity for the next transaction, as EndTxn answers. */
  get next(): ProducerIdentity {
    return this.#nextProducerId === none ? this.#identity() : { producerId: this.#nextProducerId, producerEpoch: 0 }
  }

  /** What is wrong with who asks to take part in the open transaction, or in the next one; an error code. */
  #refusal(identity: ProducerIdentity): number {
    if (identity.producerId !== this.producerId) return errorCode.INVALID_PRODUCER_ID_MAPPING
    if (identity.producerEpoch !== this.epoch) return errorCode.PRODUCER_FENCED
    return this.isPreparing ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.NONE
  }

  #prepare(commit: boolean): 'prepared' {
    this.#previousProducerId = this.producerId
    this.state = commit ? 'PrepareCommit' : 'PrepareAbort'
    if (this.#protocol === 2) this.#endEpoch()
    return 'prepared'
  }

  #endEpoch(): void {
    if (this.epoch >= lastUsableEpoch) this.#nextProducerId = this.#newProducerId()
    this.#lastEpoch = this.epoch
    this.epoch = Math.min(this.epoch + 1, lastUsableEpoch + 1)
  }

  #bump(lastEpoch: number): void {
    this.#lastEpoch = lastEpoch
    if (this.epoch >= lastUsableEpoch) this.producerId = this.#newProducerId()
    this.epoch = this.epoch >= lastUsableEpoch ? 0 : this.epoch + 1
  }

  #knows(expected: ProducerIdentity): boolean {
    if (expected.producerId === this.producerId) return true
    return expected.producerId === this.#previousProducerId && expected.producerEpoch >= lastUsableEpoch
  }

  #identity(): ProducerIdentity {
    return { producerId: this.producerId, producerEpoch: this.epoch }
  }
}
