/** One request to the coordinator of a group or of a transactional id, repeated while that moves, loads or is busy. */
import { errorOf } from '../commit/verdict-errors.ts'
import { isRetry, verdictOf } from '../commit/verdicts.ts'
import { ConnectionError, KafkaError } from '../errors.ts'
import { Again, type RetryLimits, retry } from '../retry.ts'
import { type Cluster, type CoordinatorKind, kafkaError } from './cluster.ts'
import type { AnswerOf, Api, RequestOf } from './wire/messages.ts'
import { errorCode } from './wire/error-codes.ts'
import type { NodeId } from './wire/wire.ts'

/** The requests that go to a coordinator. */
export type CoordinatorApi =
  | 'InitProducerId'
  | 'AddPartitionsToTxn'
  | 'AddOffsetsToTxn'
  | 'TxnOffsetCommit'
  | 'EndTxn'
  | 'OffsetFetch'
  | 'OffsetCommit'
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'

export interface CoordinatorRequest<A extends CoordinatorApi & Api> {
  readonly kind: CoordinatorKind
  /** The group id or the transactional id. */
  readonly key: string
  readonly purpose: string
  readonly api: A
  readonly body: RequestOf<A>
  /** The first error code of the answer, NONE if there is none. */
  readonly codeOf: (answer: AnswerOf<A>) => number
  /** What to do when no answer comes: `repeat` only where doing it twice is the same as doing it once. */
  readonly unanswered: 'repeat' | 'throw'
  /** Called before each time that the request is sent; what it throws passes through. */
  readonly guard?: () => void
  readonly limits: RetryLimits
  /** How long one answer may take. */
  readonly timeoutMs?: number
  /** No version of the request above this one. */
  readonly versionMax?: number | undefined
}

/**
 * The answer whose code is no reason to ask again: NONE, or one for the caller to judge.
 * @throws KafkaError or ConnectionError, the last one seen, when the time was up; ConnectionError at once if `unanswered` is `throw`;
 * FatalError when the coordinator may not be looked up.
 */
export async function askCoordinator<A extends CoordinatorApi & Api>(
  cluster: Cluster,
  request: CoordinatorRequest<A>,
): Promise<AnswerOf<A>> {
  const { kind, key, purpose, api, body, timeoutMs, versionMax } = request
  return retry(cluster.clock, request.limits, async (): Promise<AnswerOf<A> | Again> => {
    const node = await findCoordinator(cluster, kind, key)
    if (node instanceof Again) return node
    request.guard?.()
    try {
      const options = { versionMax, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
      const answer = await cluster.wire.request(node, purpose, api, body, options)
      const code = request.codeOf(answer)
      const verdict = code === errorCode.NONE ? null : verdictOf(api, code)
      if (verdict === null || !isRetry(verdict)) return answer
      if (verdict === 'refresh-and-retry') cluster.invalidateCoordinator(kind, key)
      return new Again(kafkaError(api, code, { [kind]: key }))
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      cluster.invalidateCoordinator(kind, key)
      if (request.unanswered === 'throw') throw error
      return new Again(error)
    }
  })
}

/** Nothing was sent to the coordinator yet, so that asking for it again is always safe. @throws FatalError when it may not be asked */
async function findCoordinator(cluster: Cluster, kind: CoordinatorKind, key: string): Promise<NodeId | Again> {
  try {
    return await cluster.coordinator(kind, key)
  } catch (error) {
    if (error instanceof ConnectionError) return new Again(error)
    if (!(error instanceof KafkaError)) throw error
    if (isRetry(verdictOf('FindCoordinator', error.errorCode))) return new Again(error)
    throw errorOf('FindCoordinator', error.errorCode, { [kind]: key })
  }
}
