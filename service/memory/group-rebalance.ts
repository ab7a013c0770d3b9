/** The phases of a rebalance: who is waited for, for how long, and who is thrown out. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf } from '../kafka/wire/messages.ts'
import { type Group, joinError, type Member, syncError } from './group.ts'
import { type GroupSnapshot, restoredGroup, snapshotOf } from './group-snapshot.ts'
import type { Timers } from './timers.ts'

export class GroupRebalance {
  readonly #timers: Timers
  /** What is in the log of each group that was ever written. */
  readonly #persisted = new WeakMap<Group, GroupSnapshot>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Begins a rebalance, or, where one is under way, ends its join phase if this was what it waited for. */
  beginOrComplete(group: Group): void {
    if (group.state === 'PreparingRebalance') this.completeIfAllJoined(group)
    else this.begin(group)
  }

  begin(group: Group): void {
    for (const member of group.members.values()) {
      if (group.state !== 'CompletingRebalance') break
      member.heldSync?.(syncError(errorCode.REBALANCE_IN_PROGRESS))
      member.heldSync = null
      member.assignment = Buffer.alloc(0)
      this.extendSession(group, member)
    }
    this.#timers.cancel(syncTimer(group))
    group.state = 'PreparingRebalance'
    this.#timers.set(joinTimer(group), group.rebalanceTimeoutMs(), () => this.#completeJoin(group))
    this.completeIfAllJoined(group)
  }

  completeIfAllJoined(group: Group): void {
    if (group.state === 'PreparingRebalance' && group.hasAllJoined()) this.#completeJoin(group)
  }

  /** Hands out the leader's assignment to all that wait for it. */
  completeSync(group: Group, assignments: ReadonlyMap<string, Buffer>): void {
    group.state = 'Stable'
    for (const member of group.members.values()) {
      member.assignment = assignments.get(member.id) ?? Buffer.alloc(0)
      member.heldSync?.(syncAnswer(group, member))
      member.heldSync = null
      this.extendSession(group, member)
    }
    this.persist(group)
  }

  /** Writes the group to the log, from where the next coordinator has it. */
  persist(group: Group): void {
    this.#persisted.set(group, snapshotOf(group))
  }

  /**
   * Another node coordinates the group: whoever waits is told so, and the group as it was last written is there, with its sessions begun
   * anew; null where it never was.
   */
  moved(group: Group): Group | null {
    for (const timer of [joinTimer(group), syncTimer(group)]) this.#timers.cancel(timer)
    for (const memberId of [...group.members.keys(), ...group.pendingMembers]) this.cancelSession(group, memberId)
    for (const { id, heldJoin, heldSync } of group.members.values()) {
      heldJoin?.(joinError(id, errorCode.NOT_COORDINATOR))
      heldSync?.(syncError(errorCode.NOT_COORDINATOR))
    }
    const persisted = this.#persisted.get(group)
    if (persisted === undefined) return null
    const loaded = restoredGroup(group.id, persisted)
    this.#persisted.set(loaded, persisted)
    for (const member of loaded.members.values()) this.extendSession(loaded, member)
    return loaded
  }

  /** A sign of life: the member is thrown out one session time-out from now, unless it waits in a held request then. */
  extendSession(group: Group, member: Member): void {
    this.#timers.set(sessionTimer(group, member.id), member.sessionTimeoutMs, () => {
      if (member.heldJoin === null && member.heldSync === null) this.remove(group, member.id)
    })
  }

  /** Gives a member id out: it has to be used within one session time-out. */
  expect(group: Group, memberId: string, sessionTimeoutMs: number): void {
    group.pendingMembers.add(memberId)
    this.#timers.set(sessionTimer(group, memberId), sessionTimeoutMs, () => {
      group.remove(memberId)
      this.completeIfAllJoined(group)
    })
  }

  /** Takes a member out and rebalances without it. */
  remove(group: Group, memberId: string): void {
    this.drop(group, memberId)
    if (group.state !== 'Empty') this.beginOrComplete(group)
  }

  /** Takes a member out; what it waits for is answered with UNKNOWN_MEMBER_ID. */
  drop(group: Group, memberId: string): void {
    const member = group.members.get(memberId)
    member?.heldJoin?.(joinError('', errorCode.UNKNOWN_MEMBER_ID))
    member?.heldSync?.(syncError(errorCode.UNKNOWN_MEMBER_ID))
    group.remove(memberId)
    this.cancelSession(group, memberId)
  }

  cancelSession(group: Group, memberId: string): void {
    this.#timers.cancel(sessionTimer(group, memberId))
  }

  /** A member sent SyncGroup. */
  synced(group: Group, memberId: string): void {
    group.pendingSyncs.delete(memberId)
    if (group.pendingSyncs.size === 0) this.#timers.cancel(syncTimer(group))
  }

  #completeJoin(group: Group): void {
    this.#timers.cancel(joinTimer(group))
    for (const member of group.members.values()) {
      if (member.heldJoin === null && member.instanceId === null) this.drop(group, member.id)
    }
    if (group.members.size > 0 && !group.electJoinedLeader()) {
      // Only static members are left, and none has joined: they are waited for until their sessions run out.
      this.#timers.set(joinTimer(group), group.rebalanceTimeoutMs(), () => this.#completeJoin(group))
      return
    }
    group.beginGeneration()
    if (group.members.size === 0) this.persist(group)
    for (const member of group.members.values()) {
      const { heldJoin } = member
      member.heldJoin = null
      group.pendingSyncs.add(member.id)
      this.extendSession(group, member)
      heldJoin?.(joinAnswer(group, member))
    }
    if (group.members.size > 0) this.#awaitSyncs(group)
  }

  #awaitSyncs(group: Group): void {
    this.#timers.set(syncTimer(group), group.rebalanceTimeoutMs(), () => {
      for (const memberId of group.pendingSyncs) this.drop(group, memberId)
      this.begin(group)
    })
  }
}

/** What a member is told when the join phase is over, or was over before it asked. */
export function joinAnswer(group: Group, member: Member, skipAssignment = false): AnswerOf<'JoinGroup'> {
  return {
    throttleTimeMs: 0,
    errorCode: errorCode.NONE,
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leader ?? '',
    skipAssignment,
    memberId: member.id,
    members: group.leader === member.id ? group.memberList() : [],
  }
}

export function syncAnswer(group: Group, member: Member): AnswerOf<'SyncGroup'> {
  const { protocolType, protocolName } = group
  return { throttleTimeMs: 0, errorCode: errorCode.NONE, protocolType, protocolName, assignment: member.assignment }
}

const joinTimer = (group: Group): string => `join ${group.id}`
const syncTimer = (group: Group): string => `sync ${group.id}`
const sessionTimer = (group: Group, memberId: string): string => `session ${group.id} ${memberId}`
