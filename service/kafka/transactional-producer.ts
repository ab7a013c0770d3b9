/** One transactional producer: three requests a transaction under protocol 2, two more under 1; fenced by epoch and by membership (P1–P7). */
import { errorOf } from '../commit/verdict-errors.ts'
import { FatalError, FencedError } from '../errors.ts'
import type { Membership } from '../runtime/seam.ts'
import type { OffsetToCommit } from './offset-to-commit.ts'
import { partitionKey } from './partition-key.ts'
import { type FinishedBatch, sendBatches } from './produce-requests.ts'
import { ProducerLifecycle, type ProducerState } from './producer-lifecycle.ts'
import type { Compression } from './records/compression.ts'
import { nextSequence, type RecordBatchBuilder } from './records/record-batch-builder.ts'
import { addOffsetsToTxn, addPartitionsToTxn } from './transaction-additions.ts'
import { versionMaxOf } from './wire/transaction-protocol.ts'
import {
  endTxn,
  initProducerId,
  nobody,
  type ProducerIdentity,
  type TransactionOptions,
  transactionLimits,
  txnOffsetCommit,
} from './transaction-requests.ts'
import { errorCode } from './wire/error-codes.ts'

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
  /** See SentBatch; −1 for a batch without records. */
  readonly leaderEpoch: number
}

export interface TransactionalProducerOptions extends TransactionOptions {
  /** Default `none`. */
  readonly compression?: Compression
}

/** P1's one exception: the membership of the next generation, if the same member went there with these tasks; else null. */
export type RetryMembership = (error: 'illegal-generation') => Promise<Membership | null>

export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions
  readonly #life = new ProducerLifecycle()
  #identity = nobody
  /** The next sequence number of each partition; all restart at 0 with each epoch, which under protocol 2 is each transaction (P7). */
  readonly #sequences = new Map<string, number>()
  /** What has been added to the open transaction, under protocol 1. */
  readonly #added = new Set<string>()

  constructor(options: TransactionalProducerOptions) {
    this.#options = options
  }

  get state(): ProducerState {
    return this.#life.state
  }

  /** For tests. */
  get transactionalId(): string {
    return this.#options.transactionalId
  }

  /** What the broker knows this producer by; for logs and tests. */
  get identity(): ProducerIdentity {
    return this.#identity
  }

  /** InitProducerId(−1): at a process' start, and once after a FencedError whose heartbeat was answered OK (P4). */
  initialise(): Promise<void> {
    return this.#life.run('initialise', async () => {
      // Asked for here, and not where a transaction is under way.
      await this.#options.cluster.transactionProtocol()
      await this.#initProducerId(nobody)
    })
  }

  /**
   * InitProducerId(producer id, epoch): the way back after every error, a lost answer included; aborts what is open.
   * @throws FencedError when another producer has taken the id meanwhile: unlike −1, this does not fence it (P4).
   */
  renew(): Promise<void> {
    return this.#life.run('renew', () => this.#initProducerId(this.#identity))
  }

  /** Writes batches, those of one partition in order; answers are aligned with `batches`. */
  produce(batches: readonly PendingBatch[]): Promise<readonly ProducedBatch[]> {
    return this.#life.run('produce', async () => {
      const finished = batches.flatMap((batch, index) => (batch.records.count === 0 ? [] : [this.#finish(batch, index)]))
      const { cluster, transactionalId, timeoutMs, guard } = this.#options
      const limits = transactionLimits(this.#options)
      const protocol = await cluster.transactionProtocol()
      if (protocol === 1) await this.#addPartitions(finished)
      const versionMax = versionMaxOf(protocol, 'Produce')
      const sent = await sendBatches(finished, { cluster, transactionalId, timeoutMs, guard, limits, versionMax })
      return batches.map(({ topic, partition, records }, index) => ({
        topic,
        partition,
        count: records.count,
        ...(sent.get(index) ?? { baseOffset: -1, leaderEpoch: -1 }),
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
    return this.#life.run('commitOffsets', async () => {
      if (offsets.length === 0)
        throw new FatalError('A transaction without positions is not fenced by the group: commitOffsets needs some')
      if ((await this.#options.cluster.transactionProtocol()) === 1) await addOffsetsToTxn(this.#options, this.#identity, group)
      const commitAs = (member: Membership) =>
        txnOffsetCommit(this.#options, this.#identity, { group, membership: member, offsets })
      const code = await commitAs(membership)
      if (code === errorCode.NONE) return
      if (code !== errorCode.ILLEGAL_GENERATION) throw errorOf('TxnOffsetCommit', code, { group })
      const next = (await retryMembership?.('illegal-generation')) ?? null
      if (next === null || !isSuccessor(membership, next))
        throw errorOf('TxnOffsetCommit', code, { group, generation: membership.generation })
      const second = await commitAs(next)
      if (second !== errorCode.NONE) throw errorOf('TxnOffsetCommit', second, { group, generation: next.generation })
    })
  }

  /** EndTxn. After an error the outcome is unknown: state `uncertain`, RetakeError; renewing and retaking tell (P3). */
  commit(): Promise<void> {
    return this.#life.run('commit', () => this.#end('commit'))
  }

  /** EndTxn; nothing where nothing is open. After an error, what it left open is aborted, and the producer is to be renewed all the same. */
  abort(): Promise<void> {
    return this.#life.run('abort', async () => {
      // The broker would answer INVALID_TXN_STATE.
      if (this.state === 'ready') return
      if (this.state === 'failed' && (await this.#options.cluster.transactionProtocol()) === 1) await this.#abortFailed()
      else await this.#end('abort')
    })
  }

  /**
   * Under protocol 1 EndTxn leaves the epoch as it is, so that a Produce that is still on its way could land behind the marker, in nobody's
   * transaction or in the next one. InitProducerId aborts under a new epoch, which the marker tells every partition.
   */
  async #abortFailed(): Promise<void> {
    try {
      await this.#initProducerId(this.#identity)
    } catch (error) {
      // By its own abort, or by a twin: nothing is left open in either case.
      if (!(error instanceof FencedError)) throw error
    }
  }

  async #end(outcome: 'commit' | 'abort'): Promise<void> {
    const identity = await endTxn(this.#options, this.#identity, outcome)
    this.#added.clear()
    const hasNewEpoch =
      identity.producerEpoch !== this.#identity.producerEpoch || identity.producerId !== this.#identity.producerId
    this.#identity = identity
    // In the same epoch a sequence that came before is a duplicate, which a broker drops and calls a success.
    if (hasNewEpoch) this.#sequences.clear()
  }

  async #initProducerId(expected: ProducerIdentity): Promise<void> {
    const { cluster, transactionalId, timeoutMs, progress } = this.#options
    const limits = { withinMs: Math.max(timeoutMs, 30_000), progress, firstPauseMs: 5 }
    this.#identity = await initProducerId(cluster, { transactionalId, timeoutMs, expected, limits })
    this.#sequences.clear()
    this.#added.clear()
  }

  async #addPartitions(batches: readonly FinishedBatch[]): Promise<void> {
    const keyOf = ({ topic, partition }: FinishedBatch) => partitionKey(topic, partition)
    const fresh = new Map(batches.filter((batch) => !this.#added.has(keyOf(batch))).map((batch) => [keyOf(batch), batch]))
    if (fresh.size === 0) return
    await addPartitionsToTxn(this.#options, this.#identity, [...fresh.values()])
    for (const key of fresh.keys()) this.#added.add(key)
  }

  #finish({ topic, partition, records }: PendingBatch, index: number): FinishedBatch {
    const key = partitionKey(topic, partition)
    const firstSequence = this.#sequences.get(key) ?? 0
    this.#sequences.set(key, nextSequence(firstSequence, records.count))
    const compression = this.#options.compression ?? 'none'
    const bytes = records.finish({ ...this.#identity, firstSequence, transactional: true, compression })
    return { index, topic, partition, bytes }
  }
}

function isSuccessor(before: Membership, next: Membership): boolean {
  return next.generation === before.generation + 1 && next.memberId === before.memberId && next.instanceId === before.instanceId
}
