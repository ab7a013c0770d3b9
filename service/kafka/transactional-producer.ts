/** One transactional producer: protocol version 2 (KIP-890), three requests a transaction, fenced by epoch and by membership (P1–P7). */
import type { Clock } from '../clock.ts'
import { errorOf, verdictError } from '../commit/verdicts.ts'
import { type CaudalError, FatalError, FencedError, LostError, RetakeError } from '../errors.ts'
import type { RetryLimits } from '../retry.ts'
import type { Membership } from '../runtime/seam.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator } from './coordinator-request.ts'
import { firstCode, type OffsetToCommit, refuseAnonymous, topicsToCommit } from './offset-to-commit.ts'
import { partitionKey } from './partition-key.ts'
import { type FinishedBatch, sendBatches } from './produce-requests.ts'
import { afterCall, type ProducerCall, type ProducerState } from './producer-states.ts'
import type { Compression } from './records/compression.ts'
import type { RecordBatchBuilder } from './records/record-batch-builder.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'
import type { Wire } from './wire/wire.ts'

export type { OffsetToCommit } from './offset-to-commit.ts'

export interface PendingBatch {
  readonly topic: string
  readonly partition: number
  readonly records: RecordBatchBuilder
}

export interface ProducedBatch {
  readonly topic: string
  readonly partition: number
  readonly count: number
  /** The offset of the first record; −1 when the broker had the batch already: commit, then retake (P5). */
  readonly baseOffset: number
}

export interface TransactionalProducerOptions {
  readonly cluster: Cluster
  readonly wire: Wire
  readonly clock: Clock
  readonly transactionalId: string
  /** After this the broker aborts an open transaction by itself. */
  readonly timeoutMs: number
  /** Throws LostError when the batch in hand is dead; called before Produce, TxnOffsetCommit and EndTxn(commit). */
  readonly guard: () => void
  /** Called at each attempt of each request. */
  readonly progress: () => void
  readonly compression?: Compression
}

/** P1's one exception: the membership of the next generation, if the same member went there with these tasks; else null. */
export type RetryMembership = (error: 'illegal-generation') => Promise<Membership | null>

const purpose = 'transaction'
/** The last epoch that a broker gives to a client; then the producer id changes (P7). */
const lastEpoch = 32_766
const nobody = { producerId: -1, producerEpoch: -1 }

export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions
  #state: ProducerState = 'new'
  #busy: ProducerCall | null = null
  #identity = nobody
  /** The next sequence number of each partition; all restart at 0 with each epoch, which is each transaction (P7). */
  readonly #sequences = new Map<string, number>()

  constructor(options: TransactionalProducerOptions) {
    this.#options = options
  }

  get state(): ProducerState {
    return this.#state
  }

  /** What the broker knows this producer by; for logs and tests. */
  get identity(): { readonly producerId: number; readonly producerEpoch: number } {
    return this.#identity
  }

  /** InitProducerId(−1): at a process' start, and once after a FencedError whose heartbeat was answered OK (P4). */
  initialise(): Promise<void> {
    return this.#call('initialise', () => this.#initProducerId(nobody))
  }

  /**
   * InitProducerId(producer id, epoch): the way back after every error, a lost answer included; aborts what is open.
   * @throws FencedError when another producer has taken the id meanwhile: unlike −1, this does not fence it (P4).
   */
  renew(): Promise<void> {
    return this.#call('renew', () => this.#initProducerId(this.#identity))
  }

  /** Writes batches, those of one partition in order; answers are aligned with `batches`. */
  produce(batches: readonly PendingBatch[]): Promise<readonly ProducedBatch[]> {
    return this.#call('produce', async () => {
      const finished = batches.flatMap((batch, index) => (batch.records.count === 0 ? [] : [this.#finish(batch, index)]))
      const { cluster, transactionalId, timeoutMs, guard } = this.#options
      const limits = this.#limits(2)
      const baseOffsets = await sendBatches(finished, { cluster, transactionalId, timeoutMs, guard, limits })
      return batches.map(({ topic, partition, records }, index) => ({
        topic,
        partition,
        count: records.count,
        baseOffset: baseOffsets.get(index) ?? -1,
      }))
    })
  }

  /**
   * Adds positions to the transaction under the membership that was captured when the batch was cut (P1, P2).
   * @throws FatalError for a membership that the broker would take from a zombie too: generation −1, or no member id.
   */
  commitOffsets(
    group: string,
    membership: Membership,
    offsets: readonly OffsetToCommit[],
    retryMembership?: RetryMembership,
  ): Promise<void> {
    return this.#call('commitOffsets', async () => {
      if (offsets.length === 0)
        throw new FatalError('A transaction without positions is not fenced by the group: commitOffsets needs some')
      const code = await this.#txnOffsetCommit(group, membership, offsets)
      if (code === errorCode.NONE) return
      if (code !== errorCode.ILLEGAL_GENERATION) throw errorOf('TxnOffsetCommit', code, { group })
      const next = (await retryMembership?.('illegal-generation')) ?? null
      if (next === null || !isSuccessor(membership, next))
        throw errorOf('TxnOffsetCommit', code, { group, generation: membership.generation })
      const second = await this.#txnOffsetCommit(group, next, offsets)
      if (second !== errorCode.NONE) throw errorOf('TxnOffsetCommit', second, { group, generation: next.generation })
    })
  }

  /** EndTxn. After an error of a commit the outcome is unknown: state `uncertain`, RetakeError; renewing and retaking tell (P3). */
  end(commit: boolean): Promise<void> {
    return this.#call(commit ? 'commit' : 'abort', async () => {
      if (!commit && this.#state === 'ready') return // Nothing is open: the broker would answer INVALID_TXN_STATE.
      const answer = await this.#endTxn(commit)
      if (answer.errorCode !== errorCode.NONE)
        throw errorOf('EndTxn', answer.errorCode, { transactionalId: this.#options.transactionalId })
      this.#adopt(answer)
    })
  }

  async #call<T>(call: ProducerCall, work: () => Promise<T>): Promise<T> {
    const before = this.#state
    const next = afterCall(before, call)
    if (this.#busy !== null)
      throw new FatalError(`${call} while ${this.#busy} is under way: requests of a transaction follow one another`)
    this.#busy = call
    try {
      const result = await work()
      this.#state = next
      return result
    } catch (error) {
      this.#state = stateAfter(error, call, before)
      throw error
    } finally {
      this.#busy = null
    }
  }

  async #initProducerId(expected: { readonly producerId: number; readonly producerEpoch: number }): Promise<void> {
    const { cluster, transactionalId, timeoutMs } = this.#options
    const body = { transactionalId, transactionTimeoutMs: timeoutMs, ...expected }
    try {
      const answer = await askCoordinator(cluster, {
        kind: 'transaction',
        key: transactionalId,
        purpose,
        api: 'InitProducerId',
        body,
        codeOf: (found) => found.errorCode,
        // The coordinator knows the epoch before the present one, and answers a repeat with the present one.
        unanswered: 'repeat',
        limits: { withinMs: Math.max(timeoutMs, 30_000), progress: this.#options.progress, firstPauseMs: 5 },
        timeoutMs,
      })
      if (isWornOut(answer.errorCode, expected.producerEpoch)) {
        throw new FencedError('InitProducerId: the epochs of the producer id are used up', {
          fields: { transactionalId, ...expected },
        })
      }
      if (answer.errorCode !== errorCode.NONE) throw errorOf('InitProducerId', answer.errorCode, { transactionalId })
      this.#adopt(answer)
    } catch (error) {
      throw verdictError('InitProducerId', error, { transactionalId })
    }
  }

  async #txnOffsetCommit(group: string, membership: Membership, offsets: readonly OffsetToCommit[]): Promise<number> {
    refuseAnonymous(membership)
    const { cluster, transactionalId, timeoutMs, guard } = this.#options
    const codeOf = (answer: AnswerOf<'TxnOffsetCommit'>) => firstCode(answer.topics)
    try {
      const answer = await askCoordinator(cluster, {
        kind: 'group',
        key: group,
        purpose,
        api: 'TxnOffsetCommit',
        body: {
          transactionalId,
          groupId: group,
          ...this.#identity,
          generationId: membership.generation,
          memberId: membership.memberId,
          groupInstanceId: membership.instanceId,
          topics: topicsToCommit(offsets),
        },
        codeOf,
        unanswered: 'throw',
        guard,
        limits: this.#limits(2),
        timeoutMs,
      })
      return codeOf(answer)
    } catch (error) {
      throw verdictError('TxnOffsetCommit', error, { group })
    }
  }

  async #endTxn(commit: boolean): Promise<AnswerOf<'EndTxn'>> {
    const { cluster, transactionalId, timeoutMs, guard } = this.#options
    try {
      return await askCoordinator(cluster, {
        kind: 'transaction',
        key: transactionalId,
        purpose,
        api: 'EndTxn',
        body: { transactionalId, ...this.#identity, committed: commit },
        codeOf: (answer) => answer.errorCode,
        unanswered: 'throw',
        ...(commit ? { guard } : {}),
        limits: this.#limits(2),
        timeoutMs,
      })
    } catch (error) {
      throw verdictError('EndTxn', error, { transactionalId, commit })
    }
  }

  /** A new epoch, now and then a new producer id (P7). */
  #adopt({ producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number }): void {
    this.#identity = { producerId, producerEpoch }
    this.#sequences.clear()
  }

  #finish({ topic, partition, records }: PendingBatch, index: number): FinishedBatch {
    const key = partitionKey(topic, partition)
    const firstSequence = this.#sequences.get(key) ?? 0
    this.#sequences.set(key, firstSequence + records.count)
    const compression = this.#options.compression ?? 'none'
    return {
      index,
      topic,
      partition,
      bytes: records.finish({ ...this.#identity, firstSequence, transactional: true, compression }),
    }
  }

  /** P5's bound: well before the broker gives the transaction up by itself. */
  #limits(firstPauseMs: number): RetryLimits {
    const { timeoutMs, progress } = this.#options
    return { withinMs: 0.6 * timeoutMs, progress, firstPauseMs, pauseMsMax: 200 }
  }
}

/**
 * A renewal that comes one epoch late, after a lost answer, and meets the last epoch of its producer id, makes every 4.x broker fail
 * inside, each time it is repeated. From outside that looks the same with a twin on that epoch, so that P4's heartbeat has to tell.
 */
function isWornOut(code: number, epoch: number): boolean {
  return code === errorCode.UNKNOWN_SERVER_ERROR && epoch >= lastEpoch - 1
}

function isSuccessor(before: Membership, next: Membership): boolean {
  return next.generation === before.generation + 1 && next.memberId === before.memberId && next.instanceId === before.instanceId
}

function stateAfter(error: unknown, call: ProducerCall, before: ProducerState): ProducerState {
  if (error instanceof FencedError) return 'fenced'
  // Without an identity of its own a producer can't renew, so that a failed start stays one.
  if (call === 'initialise' || before === 'uncertain') return before
  // A guard that threw sent nothing; all else that befalls a commit leaves its outcome open, for a retake to learn.
  const isUndecided = call === 'commit' && !(error instanceof LostError) && !isRefusal(error)
  return isUndecided ? 'uncertain' : 'failed'
}

/** The coordinator said that it will not: the transaction is not committed. */
function isRefusal(error: unknown): boolean {
  const code = (error as CaudalError).fields?.['errorCode']
  return error instanceof RetakeError && code === errorCode.INVALID_TXN_STATE
}
