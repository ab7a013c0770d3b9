/** The four requests of a classic group member, to wherever the coordinator is; heartbeats and joins never share a connection. */
import { errorOf } from '../commit/verdict-errors.ts'
import { type Verdict, verdictOf } from '../commit/verdicts.ts'
import { type CaudalError, ConnectionError, KafkaError, StoppedError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator, type CoordinatorApi } from './coordinator-request.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf, RequestOf } from './wire/messages.ts'

export interface GroupRequestsOptions {
  readonly cluster: Cluster
  readonly groupId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Tells the connections of members of one process apart. */
  readonly purpose: string
  /** Aborted when the member has ended: no answer is waited for any more, but that to LeaveGroup. */
  readonly signal: AbortSignal
}

/** An answer, its code and what that means for a member; `ok` for NONE. */
export interface GroupAnswer<A> {
  readonly answer: A
  readonly code: number
  readonly verdict: Verdict | 'ok'
}

const protocolType = 'consumer'
const protocolName = 'caudal'

/** Each but `leave` resolves with null without an answer: the member decides for itself how long it stays one. @throws FatalError */
export class GroupRequests {
  readonly #options: GroupRequestsOptions

  constructor(options: GroupRequestsOptions) {
    this.#options = options
  }

  /** Held by the broker until all members have joined, or the rebalance time-out is over. */
  join(memberId: string, metadata: Buffer): Promise<GroupAnswer<AnswerOf<'JoinGroup'>> | null> {
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const protocols = [{ name: protocolName, metadata }]
    const body = {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId,
      groupInstanceId: instanceId,
      protocolType,
      protocols,
      reason: null,
    }
    return this.#answered(this.#ask('JoinGroup', 'join', body, rebalanceTimeoutMs + 10_000))
  }

  /** Held by the broker until the leader's is there. */
  sync(
    generationId: number,
    memberId: string,
    assignments: RequestOf<'SyncGroup'>['assignments'],
  ): Promise<GroupAnswer<AnswerOf<'SyncGroup'>> | null> {
    const { groupId, instanceId, rebalanceTimeoutMs } = this.#options
    const body = { groupId, generationId, memberId, groupInstanceId: instanceId, protocolType, protocolName, assignments }
    return this.#answered(this.#ask('SyncGroup', 'join', body, rebalanceTimeoutMs + 10_000))
  }

  heartbeat(generationId: number, memberId: string): Promise<GroupAnswer<AnswerOf<'Heartbeat'>> | null> {
    const { groupId, instanceId, sessionTimeoutMs } = this.#options
    const body = { groupId, generationId, memberId, groupInstanceId: instanceId }
    return this.#answered(this.#ask('Heartbeat', 'heartbeat', body, sessionTimeoutMs))
  }

  /** Goes out on the connection of the heartbeats, as a join may be held on the other one. @throws ConnectionError, KafkaError too */
  leave(memberId: string): Promise<GroupAnswer<AnswerOf<'LeaveGroup'>>> {
    const { groupId, instanceId } = this.#options
    return this.#ask(
      'LeaveGroup',
      'heartbeat',
      { groupId, members: [{ memberId, groupInstanceId: instanceId, reason: null }] },
      5_000,
    )
  }

  errorOf(api: 'JoinGroup' | 'SyncGroup' | 'Heartbeat', code: number): CaudalError {
    const { groupId, instanceId } = this.#options
    return errorOf(api, code, instanceId === null ? { group: groupId } : { group: groupId, instance: instanceId })
  }

  /** Null for no answer, and as soon as the member has ended. */
  async #answered<A>(asked: Promise<A>): Promise<A | null> {
    const { signal } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<A | null>()
    const giveUp = () => resolve(null)
    signal.addEventListener('abort', giveUp, { once: true })
    asked.then(resolve, reject)
    try {
      const answer = await promise
      return signal.aborted ? null : answer
    } catch (error) {
      if (error instanceof StoppedError || error instanceof ConnectionError || error instanceof KafkaError) return null
      throw error
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  async #ask<A extends CoordinatorApi>(
    api: A,
    connection: string,
    body: RequestOf<A>,
    timeoutMs: number,
  ): Promise<GroupAnswer<AnswerOf<A>>> {
    const { cluster, groupId, purpose, heartbeatIntervalMs, signal } = this.#options
    const codeOf = (answer: AnswerOf<A>) => (answer as { readonly errorCode: number }).errorCode
    const answer = await askCoordinator(cluster, {
      kind: 'group',
      key: groupId,
      purpose: `${connection}-${purpose}`,
      api,
      body,
      codeOf,
      unanswered: 'throw',
      limits: { withinMs: heartbeatIntervalMs, pauseMsMax: heartbeatIntervalMs / 2, ...(api === 'LeaveGroup' ? {} : { signal }) },
      timeoutMs,
    })
    const code = codeOf(answer)
    return { answer, code, verdict: code === errorCode.NONE ? 'ok' : verdictOf(api, code) }
  }
}
