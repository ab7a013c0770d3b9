/** The group coordinators of all nodes: JoinGroup, SyncGroup, Heartbeat and LeaveGroup of the classic protocol. */
import type { Clock } from '../clock.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import { Group, joinError, type Member, sameProtocols, syncError } from './group.ts'
import { GroupRebalance, joinAnswer, syncAnswer } from './group-rebalance.ts'
import type { Timers } from './timers.ts'
import { coordinatorPartition, offsetsTopic, type Topics } from './topics.ts'

const sessionTimeoutMsMax = 1_800_000

export interface GroupCoordinatorOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly topics: Topics
  readonly sessionTimeoutMsMin: number
}

export class GroupCoordinator {
  readonly groups = new Map<string, Group>()
  readonly #options: GroupCoordinatorOptions
  readonly #rebalance: GroupRebalance

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    this.#rebalance = new GroupRebalance(options.timers)
  }

  /** The partition of the offsets topic that a group belongs to. */
  partitionOf(groupId: string): number {
    return coordinatorPartition(groupId, this.#options.topics.get(offsetsTopic)?.partitions.length ?? 1)
  }

  nodeOf(groupId: string): number {
    return this.#options.topics.log(offsetsTopic, this.partitionOf(groupId))?.leader ?? -1
  }

  /** Why a request of any kind about this group is refused by `node`: an error code. */
  refusal(node: number, groupId: string): number {
    if (groupId === '') return errorCode.INVALID_GROUP_ID
    const log = this.#options.topics.log(offsetsTopic, this.partitionOf(groupId))
    if (log?.leader !== node) return errorCode.NOT_COORDINATOR
    return log.isLoading ? errorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode.NONE
  }

  /** Another node has the groups of a partition of the offsets topic from now on: it knows what is in the log, and every session begins anew. */
  moved(partition: number): void {
    for (const group of [...this.groups.values()].filter(({ id }) => this.partitionOf(id) === partition)) {
      const loaded = this.#rebalance.moved(group)
      if (loaded === null) this.groups.delete(group.id)
      else this.groups.set(group.id, loaded)
    }
  }

  join(node: number, clientId: string, request: RequestOf<'JoinGroup'>): Promise<AnswerOf<'JoinGroup'>> | AnswerOf<'JoinGroup'> {
    const { groupId, memberId, sessionTimeoutMs, protocolType, protocols } = request
    const refusal = this.refusal(node, groupId)
    if (refusal !== errorCode.NONE) return joinError(memberId, refusal)
    if (sessionTimeoutMs < this.#options.sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
      return joinError(memberId, errorCode.INVALID_SESSION_TIMEOUT)
    }
    const group = this.groups.get(groupId)
    if (group === undefined && memberId !== '') return joinError(memberId, errorCode.UNKNOWN_MEMBER_ID)
    const joined = group ?? this.ensure(groupId)
    if (!joined.supports(protocolType, protocols)) return joinError(memberId, errorCode.INCONSISTENT_GROUP_PROTOCOL)
    return memberId === '' ? this.#joinNew(joined, clientId, request) : this.#joinKnown(joined, clientId, request)
  }

  sync(node: number, request: RequestOf<'SyncGroup'>): Promise<AnswerOf<'SyncGroup'>> | AnswerOf<'SyncGroup'> {
    const { groupId, memberId, generationId, groupInstanceId = null } = request
    const verdict = this.#verdict(node, groupId, memberId, groupInstanceId, generationId)
    if (typeof verdict === 'number') return syncError(verdict)
    const { group, member } = verdict
    if (isAnother(request.protocolType, group.protocolType) || isAnother(request.protocolName, group.protocolName)) {
      return syncError(errorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
    if (group.state === 'PreparingRebalance') return syncError(errorCode.REBALANCE_IN_PROGRESS)
    this.#rebalance.synced(group, memberId)
    if (group.state === 'Stable') {
      this.#rebalance.extendSession(group, member)
      return syncAnswer(group, member)
    }
    const { promise, resolve } = Promise.withResolvers<AnswerOf<'SyncGroup'>>()
    member.heldSync = resolve
    if (group.leader === memberId) {
      const copied = request.assignments.map(({ memberId: id, assignment }) => [id, Buffer.from(assignment)] as const)
      this.#rebalance.completeSync(group, new Map(copied))
    }
    return promise
  }

  heartbeat(node: number, request: RequestOf<'Heartbeat'>): AnswerOf<'Heartbeat'> {
    const { groupId, memberId, generationId, groupInstanceId = null } = request
    const verdict = this.#verdict(node, groupId, memberId, groupInstanceId, generationId)
    // Blindly, as a broker does that does not know yet whose heartbeat it is.
    if (verdict === errorCode.COORDINATOR_LOAD_IN_PROGRESS) return { throttleTimeMs: 0, errorCode: errorCode.NONE }
    if (typeof verdict === 'number') return { throttleTimeMs: 0, errorCode: verdict }
    const { group, member } = verdict
    this.#rebalance.extendSession(group, member)
    const code = group.state === 'PreparingRebalance' ? errorCode.REBALANCE_IN_PROGRESS : errorCode.NONE
    return { throttleTimeMs: 0, errorCode: code }
  }

  leave(node: number, request: RequestOf<'LeaveGroup'>): AnswerOf<'LeaveGroup'> {
    const refusal = this.refusal(node, request.groupId)
    const group = this.groups.get(request.groupId)
    if (refusal !== errorCode.NONE || group === undefined) {
      return { throttleTimeMs: 0, errorCode: refusal || errorCode.UNKNOWN_MEMBER_ID, members: [] }
    }
    const members = request.members.map(({ memberId, groupInstanceId = null }) => ({
      memberId,
      groupInstanceId,
      errorCode: this.#leaveOne(group, memberId, groupInstanceId),
    }))
    if (group.state !== 'Empty' && members.some((member) => member.errorCode === errorCode.NONE))
      this.#rebalance.beginOrComplete(group)
    return { throttleTimeMs: 0, errorCode: errorCode.NONE, members }
  }

  /** The error that a commit of offsets gets, transactional or plain; a plain one of a member is a sign of life. */
  validateCommit(request: {
    readonly groupId: string
    readonly memberId: string
    readonly instanceId: string | null
    readonly generation: number
    readonly transactional: boolean
  }): number {
    const { groupId, memberId, instanceId, generation, transactional } = request
    const group = this.groups.get(groupId)
    if (group === undefined) {
      if (generation >= 0) return errorCode.ILLEGAL_GENERATION
      this.ensure(groupId)
      return errorCode.NONE
    }
    const verdict = group.validateCommit(memberId, instanceId, generation, transactional)
    const member = group.members.get(memberId)
    if (verdict === errorCode.NONE && !transactional && member !== undefined) this.#rebalance.extendSession(group, member)
    return verdict
  }

  ensure(groupId: string): Group {
    const group = this.groups.get(groupId) ?? new Group(groupId)
    this.groups.set(groupId, group)
    return group
  }

  #joinNew(
    group: Group,
    clientId: string,
    request: RequestOf<'JoinGroup'>,
  ): Promise<AnswerOf<'JoinGroup'>> | AnswerOf<'JoinGroup'> {
    const instanceId = request.groupInstanceId ?? null
    const memberId = `${instanceId ?? clientId}-${this.#options.clock.id()}`
    if (instanceId === null) {
      this.#rebalance.expect(group, memberId, request.sessionTimeoutMs)
      return joinError(memberId, errorCode.MEMBER_ID_REQUIRED)
    }
    const existing = group.members.get(group.staticMemberId(instanceId) ?? '')
    if (existing === undefined) return this.#add(group, memberId, clientId, request)
    this.#rebalance.cancelSession(group, existing.id)
    group.replace(existing, memberId)
    return this.#rejoinStatic(group, existing, request)
  }

  /** A static member came back without its id: in a stable group nothing changes unless the selected protocol would. */
  #rejoinStatic(
    group: Group,
    member: Member,
    request: RequestOf<'JoinGroup'>,
  ): Promise<AnswerOf<'JoinGroup'>> | AnswerOf<'JoinGroup'> {
    if (group.state === 'Stable') {
      update(member, request)
      this.#rebalance.extendSession(group, member)
      if (group.selectProtocol() === group.protocolName) {
        this.#rebalance.persist(group)
        return joinAnswer(group, member, group.leader === member.id)
      }
    }
    return this.#wait(group, member, request, () => {
      if (group.state === 'PreparingRebalance') this.#rebalance.completeIfAllJoined(group)
      else this.#rebalance.begin(group)
    })
  }

  #joinKnown(
    group: Group,
    clientId: string,
    request: RequestOf<'JoinGroup'>,
  ): Promise<AnswerOf<'JoinGroup'>> | AnswerOf<'JoinGroup'> {
    const { memberId, groupInstanceId = null } = request
    if (group.pendingMembers.has(memberId)) return this.#add(group, memberId, clientId, request)
    const verdict = group.validate(memberId, groupInstanceId)
    const member = group.members.get(memberId)
    if (verdict !== errorCode.NONE || member === undefined) return joinError(memberId, verdict || errorCode.UNKNOWN_MEMBER_ID)
    const unchanged = sameProtocols(member.protocols, request.protocols)
    // A leader that joins again wants a rebalance (it may have seen new partitions); a follower only with other metadata.
    const isSettled = group.state === 'CompletingRebalance' || (group.state === 'Stable' && group.leader !== memberId)
    if (isSettled && unchanged) {
      this.#rebalance.extendSession(group, member)
      return joinAnswer(group, member)
    }
    return this.#wait(group, member, request, () => this.#rebalance.beginOrComplete(group))
  }

  #add(group: Group, memberId: string, clientId: string, request: RequestOf<'JoinGroup'>): Promise<AnswerOf<'JoinGroup'>> {
    const member: Member = {
      id: memberId,
      instanceId: request.groupInstanceId ?? null,
      clientId,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.sessionTimeoutMs,
      protocols: [],
      assignment: Buffer.alloc(0),
      heldJoin: null,
      heldSync: null,
    }
    update(member, request)
    group.add(member, request.protocolType)
    return this.#wait(group, member, request, () => this.#rebalance.beginOrComplete(group))
  }

  /** Holds the request until the join phase is over; `then` moves the group on. */
  #wait(group: Group, member: Member, request: RequestOf<'JoinGroup'>, then: () => void): Promise<AnswerOf<'JoinGroup'>> {
    update(member, request)
    const { promise, resolve } = Promise.withResolvers<AnswerOf<'JoinGroup'>>()
    member.heldJoin = resolve
    this.#rebalance.extendSession(group, member)
    then()
    return promise
  }

  #leaveOne(group: Group, memberId: string, instanceId: string | null): number {
    const id = memberId === '' && instanceId !== null ? group.staticMemberId(instanceId) : memberId
    if (id === undefined) return errorCode.UNKNOWN_MEMBER_ID
    const verdict = group.pendingMembers.has(id) ? errorCode.NONE : group.validate(id, instanceId)
    if (verdict === errorCode.NONE) this.#rebalance.drop(group, id)
    return verdict
  }

  #verdict(
    node: number,
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): { readonly group: Group; readonly member: Member } | number {
    const refusal = this.refusal(node, groupId)
    if (refusal !== errorCode.NONE) return refusal
    const group = this.groups.get(groupId)
    if (group === undefined) return errorCode.UNKNOWN_MEMBER_ID
    const verdict = group.validate(memberId, instanceId)
    const member = group.members.get(memberId)
    if (verdict !== errorCode.NONE || member === undefined) return verdict || errorCode.UNKNOWN_MEMBER_ID
    return generation === group.generation ? { group, member } : errorCode.ILLEGAL_GENERATION
  }
}

function update(member: Member, request: RequestOf<'JoinGroup'>): void {
  const { rebalanceTimeoutMs = -1 } = request
  member.protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
  member.sessionTimeoutMs = request.sessionTimeoutMs
  member.rebalanceTimeoutMs = rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : rebalanceTimeoutMs
}

function isAnother(named: string | null | undefined, actual: string | null): boolean {
  return named !== null && named !== undefined && actual !== null && named !== actual
}
