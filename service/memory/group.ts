/** One classic consumer group: its members, leader, generation and phase, as `ClassicGroup` of a broker keeps them. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'

/**
 * ```
 *   Empty ──join──> PreparingRebalance ──all joined──> CompletingRebalance ──leader synced──> Stable
 *     ^                 │   ^                                  │                                │
 *     └──nobody left────┘   └──── join, leave, session over ───┴────────────────────────────────┘
 * ```
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'
export type Protocols = RequestOf<'JoinGroup'>['protocols']

export interface Member {
  id: string
  readonly instanceId: string | null
  readonly clientId: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: Protocols
  assignment: Buffer
  /** Answers the JoinGroup or SyncGroup that is held for this member. */
  heldJoin: ((answer: AnswerOf<'JoinGroup'>) => void) | null
  heldSync: ((answer: AnswerOf<'SyncGroup'>) => void) | null
}

export class Group {
  readonly id: string
  state: GroupState = 'Empty'
  generation = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leader: string | null = null
  readonly members = new Map<string, Member>()
  /** Member ids that were given out and have not joined yet. */
  readonly pendingMembers = new Set<string>()
  /** Members that got an answer to JoinGroup and have not sent SyncGroup yet. */
  readonly pendingSyncs = new Set<string>()
  readonly #staticMembers = new Map<string, string>()

  constructor(id: string) {
    this.id = id
  }

  staticMemberId(instanceId: string): string | undefined {
    return this.#staticMembers.get(instanceId)
  }

  /** The error that a request with this identity gets; NONE for a member. */
  validate(memberId: string, instanceId: string | null): number {
    if (instanceId !== null) {
      const holder = this.#staticMembers.get(instanceId)
      if (holder === undefined) return errorCode.UNKNOWN_MEMBER_ID
      if (holder !== memberId) return errorCode.FENCED_INSTANCE_ID
    }
    return this.members.has(memberId) ? errorCode.NONE : errorCode.UNKNOWN_MEMBER_ID
  }

  /** The error that a commit of offsets gets (`ClassicGroup.validateOffsetCommit`). A nameless transactional one passes, whoever sends it. */
  validateCommit(memberId: string, instanceId: string | null, generation: number, transactional: boolean): number {
    if (generation < 0 && this.state === 'Empty') return errorCode.NONE
    if (generation >= 0 || memberId !== '' || instanceId !== null) {
      const verdict = this.validate(memberId, instanceId)
      if (verdict !== errorCode.NONE) return verdict
      if (generation !== this.generation) return errorCode.ILLEGAL_GENERATION
    } else if (!transactional) return errorCode.UNKNOWN_MEMBER_ID
    return !transactional && this.state === 'CompletingRebalance' ? errorCode.REBALANCE_IN_PROGRESS : errorCode.NONE
  }

  /** Whether a member with these protocols could take part beside those that are there. */
  supports(protocolType: string, protocols: Protocols): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    if (this.members.size === 0) return true
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#supportedByAll(name))
  }

  add(member: Member, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType
    this.members.set(member.id, member)
    if (member.instanceId !== null) this.#staticMembers.set(member.instanceId, member.id)
    this.leader ??= member.id
    this.pendingMembers.delete(member.id)
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId)
    this.members.delete(memberId)
    this.pendingMembers.delete(memberId)
    this.pendingSyncs.delete(memberId)
    if (member?.instanceId) this.#staticMembers.delete(member.instanceId)
    if (this.leader === memberId) this.leader = this.members.keys().next().value ?? null
  }

  /** Gives a static member that came back a new id in its old place; whatever waits under the old one is fenced. */
  replace(member: Member, newId: string): void {
    const oldId = member.id
    member.heldJoin?.(joinError(oldId, errorCode.FENCED_INSTANCE_ID))
    member.heldSync?.(syncError(errorCode.FENCED_INSTANCE_ID))
    member.heldJoin = null
    member.heldSync = null
    this.members.delete(oldId)
    member.id = newId
    this.members.set(newId, member)
    if (member.instanceId !== null) this.#staticMembers.set(member.instanceId, newId)
    if (this.leader === oldId) this.leader = newId
    if (this.pendingSyncs.delete(oldId)) this.pendingSyncs.add(newId)
  }

  /** All members wait in JoinGroup, and nobody was given an id without having used it. */
  hasAllJoined(): boolean {
    return this.pendingMembers.size === 0 && [...this.members.values()].every((member) => member.heldJoin !== null)
  }

  /** Makes a member that has joined the leader; false if nobody has. */
  electJoinedLeader(): boolean {
    const leader = this.leader === null ? undefined : this.members.get(this.leader)
    if (leader?.heldJoin) return true
    const joined = [...this.members.values()].find((member) => member.heldJoin !== null)
    if (joined !== undefined) this.leader = joined.id
    return joined !== undefined
  }

  beginGeneration(): void {
    this.generation += 1
    this.protocolName = this.members.size === 0 ? null : this.selectProtocol()
    this.state = this.members.size === 0 ? 'Empty' : 'CompletingRebalance'
    this.pendingSyncs.clear()
  }

  /** The protocol that most members prefer among those that all support. */
  selectProtocol(): string | null {
    const votes = new Map<string, number>()
    for (const { protocols } of this.members.values()) {
      const vote = protocols.find(({ name }) => this.#supportedByAll(name))?.name
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1)
    }
    const best = [...votes].reduce<[string, number] | null>((a, b) => (a !== null && a[1] >= b[1] ? a : b), null)
    return best?.[0] ?? null
  }

  /** The members as the leader is shown them. */
  memberList(): AnswerOf<'JoinGroup'>['members'] {
    return [...this.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      metadata: this.metadataOf(member),
    }))
  }

  metadataOf(member: Member): Buffer {
    return member.protocols.find(({ name }) => name === this.protocolName)?.metadata ?? Buffer.alloc(0)
  }

  rebalanceTimeoutMs(): number {
    return Math.max(0, ...[...this.members.values()].map((member) => member.rebalanceTimeoutMs))
  }

  #supportedByAll(protocol: string): boolean {
    return [...this.members.values()].every(({ protocols }) => protocols.some(({ name }) => name === protocol))
  }
}

/** Whether two lists of protocols are the same, metadata included. */
export function sameProtocols(a: Protocols, b: Protocols): boolean {
  return a.length === b.length && a.every(({ name, metadata }, i) => name === b[i]?.name && metadata.equals(b[i].metadata))
}

export function joinError(memberId: string, code: number): AnswerOf<'JoinGroup'> {
  return {
    throttleTimeMs: 0,
    errorCode: code,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function syncError(code: number): AnswerOf<'SyncGroup'> {
  return { throttleTimeMs: 0, errorCode: code, protocolType: null, protocolName: null, assignment: Buffer.alloc(0) }
}
