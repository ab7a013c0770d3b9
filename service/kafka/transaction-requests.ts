/** The requests of a transaction that go to a coordinator: InitProducerId, TxnOffsetCommit, EndTxn, and what their answers mean. */
import { errorOf, verdictError } from '../commit/verdict-errors.ts'
import { FencedError } from '../errors.ts'
import type { RetryLimits } from '../retry.ts'
import type { Membership } from '../runtime/seam.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator, type CoordinatorApi, type CoordinatorRequest } from './coordinator-request.ts'
import { firstCode, type OffsetToCommit, refuseAnonymous, topicsToCommit } from './offset-to-commit.ts'
import { versionMaxOf } from './wire/transaction-protocol.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'

/** What the broker knows a producer by: an id, and an epoch that fences whoever has an older one. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** Asks InitProducerId for the next epoch of the transactional id, whoever has the present one. */
export const nobody: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

/** The last epoch that a broker gives to a client; then the producer id changes (P7). */
const lastEpoch = 32_766
/** More than twins take in turn; whoever is further behind has been replaced for good. */
const epochsLateMax = 100
/** The connection of a transaction's requests to coordinators. */
const transactionPurpose = 'transaction'

export interface Initialisation {
  readonly transactionalId: string
  /** After this the broker aborts an open transaction by itself. */
  readonly timeoutMs: number
  /** Who has the id: another one has it → FencedError. `nobody` → whoever has it is fenced. */
  readonly expected: ProducerIdentity
  readonly limits: RetryLimits
  /** Called before each request; what it throws ends them. */
  readonly guard?: () => void
  /** The connection's name; whoever must not wait for a producer's own requests has another. Default `transaction`. */
  readonly purpose?: string
}

/** The new identity; what was open under the id is aborted. @throws FencedError, RetakeError, FatalError. */
export async function initProducerId(cluster: Cluster, initialisation: Initialisation): Promise<ProducerIdentity> {
  const { transactionalId, timeoutMs, expected, limits, guard = () => {}, purpose = transactionPurpose } = initialisation
  try {
    const { producerId, producerEpoch, ...answer } = await askCoordinator(cluster, {
      kind: 'transaction',
      key: transactionalId,
      purpose,
      api: 'InitProducerId',
      body: { transactionalId, transactionTimeoutMs: timeoutMs, ...expected },
      codeOf: (found) => found.errorCode,
      // The coordinator knows the epoch before the present one, and answers a repeat with the present one.
      unanswered: 'repeat',
      guard,
      limits,
      timeoutMs,
    })
    if (isWornOut(answer.errorCode, expected)) {
      throw new FencedError('InitProducerId: the epochs of the producer id are used up', {
        fields: { transactionalId, ...expected },
      })
    }
    if (answer.errorCode !== errorCode.NONE) throw errorOf('InitProducerId', answer.errorCode, { transactionalId })
    return { producerId, producerEpoch }
  } catch (error) {
    throw verdictError('InitProducerId', error, { transactionalId })
  }
}

/**
 * A renewal that comes epochs late, after a lost answer or after twins that came and went, and meets the last epoch of its producer id,
 * makes every 4.x broker fail inside, each time it is repeated. From outside that looks the same with a twin on that epoch, so that P4's
 * heartbeat has to tell.
 */
function isWornOut(code: number, { producerEpoch }: ProducerIdentity): boolean {
  return code === errorCode.UNKNOWN_SERVER_ERROR && producerEpoch >= lastEpoch - epochsLateMax
}

/** What the requests of an open transaction have in common. */
export interface TransactionOptions {
  readonly cluster: Cluster
  readonly transactionalId: string
  /** After this the broker aborts an open transaction by itself. */
  readonly timeoutMs: number
  /** Throws LostError when the batch in hand is dead; called before Produce, TxnOffsetCommit and EndTxn(commit). */
  readonly guard: () => void
  /** Called at each attempt of each request. */
  readonly progress: () => void
}

/** P5's bound: well before the broker gives the transaction up by itself. */
export function transactionLimits({ timeoutMs, progress }: Pick<TransactionOptions, 'timeoutMs' | 'progress'>): RetryLimits {
  return { withinMs: 0.6 * timeoutMs, progress, firstPauseMs: 2, pauseMsMax: 200 }
}

export interface PositionsToCommit {
  readonly group: string
  readonly membership: Membership
  readonly offsets: readonly OffsetToCommit[]
}

/** What one request of a transaction has of its own. */
type TransactionRequest<A extends CoordinatorApi> = Pick<CoordinatorRequest<A>, 'kind' | 'key' | 'api' | 'body' | 'codeOf'> & {
  /** For the message of an error. */
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * Where no answer comes the transaction is given up, as a request that is late could meet the next one.
 * @throws RetakeError, LostError (from the guard), FatalError.
 */
export async function askInTransaction<A extends CoordinatorApi>(
  options: TransactionOptions,
  { fields, ...request }: TransactionRequest<A>,
): Promise<AnswerOf<A>> {
  const { cluster, timeoutMs, guard } = options
  try {
    return await askCoordinator(cluster, {
      ...request,
      purpose: transactionPurpose,
      unanswered: 'throw',
      versionMax: versionMaxOf(await cluster.transactionProtocol(), request.api),
      guard,
      limits: transactionLimits(options),
      timeoutMs,
    })
  } catch (error) {
    throw verdictError(request.api, error, fields)
  }
}

/** Resolves with the first error code of the answer, NONE if there is none. @throws RetakeError, LostError, FatalError. */
export async function txnOffsetCommit(
  options: TransactionOptions,
  identity: ProducerIdentity,
  { group, membership, offsets }: PositionsToCommit,
): Promise<number> {
  refuseAnonymous(membership)
  const codeOf = (answer: AnswerOf<'TxnOffsetCommit'>) => firstCode(answer.topics)
  const answer = await askInTransaction(options, {
    kind: 'group',
    key: group,
    api: 'TxnOffsetCommit',
    body: {
      transactionalId: options.transactionalId,
      groupId: group,
      ...identity,
      generationId: membership.generation,
      memberId: membership.memberId,
      groupInstanceId: membership.instanceId,
      topics: topicsToCommit(offsets),
    },
    codeOf,
    fields: { group },
  })
  return codeOf(answer)
}

/**
 * The identity of the next transaction: under protocol 2 a new epoch, now and then a new producer id (P7); under 1 the present one.
 * @throws whatever the answer means.
 */
export async function endTxn(
  options: TransactionOptions,
  identity: ProducerIdentity,
  outcome: 'commit' | 'abort',
): Promise<ProducerIdentity> {
  const { cluster, transactionalId } = options
  // An abort is right for a batch that is dead.
  const guarded = outcome === 'commit' ? options : { ...options, guard: () => {} }
  const { producerId, producerEpoch, ...answer } = await askInTransaction(guarded, {
    kind: 'transaction',
    key: transactionalId,
    api: 'EndTxn',
    body: { transactionalId, ...identity, committed: outcome === 'commit' },
    codeOf: (found) => found.errorCode,
    fields: { transactionalId, outcome },
  })
  if (answer.errorCode !== errorCode.NONE) throw errorOf('EndTxn', answer.errorCode, { transactionalId })
  return (await cluster.transactionProtocol()) === 1 ? identity : { producerId, producerEpoch }
}
