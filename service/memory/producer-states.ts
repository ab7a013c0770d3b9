/** What a partition remembers of its producers: epochs, the last five batches of each, and open transactions. */
import type { BatchHeader } from '../kafka/records/batch-header.ts'
import { nextSequence } from '../kafka/records/record-batch-builder.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import { isTransactional, lastSequence } from './stored-batch.ts'

/** Kafka recognises a repeated batch among this many (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`). */
const batchesRemembered = 5

interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

interface ProducerState {
  epoch: number
  batches: RememberedBatch[]
  lastTimestamp: number
  coordinatorEpoch: number
  /** First offset of the open transaction; null when none is open. */
  transactionStart: number | null
}

/** A producer as DescribeProducers shows it. */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: number
}

export class ProducerStates {
  readonly #states = new Map<number, ProducerState>()

  /** Whether that producer has a transaction open here in that epoch: then its next batch needs no word with the coordinator. */
  isOpen(producerId: number, epoch: number): boolean {
    const state = this.#states.get(producerId)
    return state !== undefined && state.transactionStart !== null && state.epoch === epoch
  }

  /** The base offset of a batch with the very same epoch and sequences, if it is among the last five. */
  duplicateOf(header: BatchHeader): number | undefined {
    const state = this.#states.get(header.producerId)
    if (state === undefined || state.epoch !== header.producerEpoch) return undefined
    return state.batches.find((b) => b.firstSequence === header.baseSequence && b.lastSequence === lastSequence(header))
      ?.baseOffset
  }

  /**
   * The verdict on a new batch, an error code (`ProducerAppendInfo.checkProducerEpoch` and `checkSequence`).
   * A batch without a sequence (one that the group coordinator writes) is judged by its epoch alone.
   */
  check(header: BatchHeader): number {
    const state = this.#states.get(header.producerId)
    if (state !== undefined && header.producerEpoch < state.epoch) return errorCode.INVALID_PRODUCER_EPOCH
    if (header.baseSequence < 0) return errorCode.NONE
    const outOfOrder = errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    if (state === undefined) return isTransactional(header) && header.baseSequence !== 0 ? outOfOrder : errorCode.NONE
    if (state.transactionStart !== null && !isTransactional(header)) return errorCode.INVALID_TXN_STATE
    const last = state.epoch === header.producerEpoch ? (state.batches.at(-1)?.lastSequence ?? -1) : -1
    return header.baseSequence === nextSequence(last, 1) ? errorCode.NONE : outOfOrder
  }

  /** Takes note of a batch that was appended. */
  appended(header: BatchHeader): void {
    const state = this.#state(header.producerId, header.producerEpoch)
    state.lastTimestamp = header.maxTimestamp
    if (isTransactional(header)) state.transactionStart ??= header.baseOffset
    if (header.baseSequence < 0) return
    state.batches.push({
      firstSequence: header.baseSequence,
      lastSequence: lastSequence(header),
      baseOffset: header.baseOffset,
    })
    if (state.batches.length > batchesRemembered) state.batches.shift()
  }

  /** Takes note of a control batch; returns the first offset of the transaction that it ended, null if none was open. */
  ended(header: BatchHeader): number | null {
    const state = this.#state(header.producerId, header.producerEpoch)
    const start = state.transactionStart
    state.transactionStart = null
    state.coordinatorEpoch = 0
    state.lastTimestamp = header.maxTimestamp
    return start
  }

  /** The least first offset of all open transactions, if there is one. */
  firstOpen(): number | undefined {
    let first: number | undefined
    for (const { transactionStart } of this.#states.values()) {
      if (transactionStart !== null && (first === undefined || transactionStart < first)) first = transactionStart
    }
    return first
  }

  active(): ActiveProducer[] {
    return [...this.#states].map(([producerId, state]) => ({
      producerId,
      producerEpoch: state.epoch,
      lastSequence: state.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: state.lastTimestamp,
      coordinatorEpoch: state.coordinatorEpoch,
      currentTxnStartOffset: state.transactionStart ?? -1,
    }))
  }

  /** The state of a producer in that epoch: a new epoch forgets the batches of the one before. */
  #state(producerId: number, epoch: number): ProducerState {
    let state = this.#states.get(producerId)
    if (state === undefined) {
      state = { epoch, batches: [], lastTimestamp: -1, coordinatorEpoch: -1, transactionStart: null }
      this.#states.set(producerId, state)
    }
    if (state.epoch !== epoch) {
      state.epoch = epoch
      state.batches = []
    }
    return state
  }
}
