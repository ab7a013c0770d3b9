/** One member of the consumer group: classic protocol, cooperative, static where it has an instance id (P16, KIP-345, KIP-429). */
import { CaudalError, FatalError, StoppedError } from '../errors.ts'
import type { Membership } from '../runtime/seam.ts'
import type { TaskId } from '../task-id.ts'
import type { AssignmentData } from './consumer-protocol.ts'
import { GroupHeartbeats, type HeartbeatOptions, type HeartbeatResult } from './group-heartbeats.ts'
import { GroupJoin, type Joined, type JoinOptions } from './group-join.ts'
import { GroupRequests, type GroupRequestsOptions } from './group-requests.ts'
import { GroupStanding, outsideGeneration } from './group-standing.ts'
import type { MembershipPhase } from './membership-phases.ts'

export interface GroupEvents {
  /** All tasks of the member from now on; those it had already go on without a stop. */
  assigned(assignment: {
    readonly membership: Membership
    readonly tasks: readonly TaskId[]
    readonly fingerprint: string
    readonly liveIds: readonly string[]
    /** How many the group has. */
    readonly members: number
  }): void
  /** The member went from generation `previous` to that of `membership`, and named `kept` as owned on the way (P1). Comes before `assigned` and `revoke`. */
  generation(change: {
    readonly membership: Membership
    readonly previous: number
    readonly kept: readonly TaskId[]
    readonly liveIds: readonly string[]
  }): void
  /** A barrier: resolves when the batch that holds these tasks is committed or aborted. Others get them only then. */
  revoke(tasks: readonly TaskId[]): Promise<void>
  /** The membership is gone, and all tasks with it; the member joins anew by itself. */
  lost(reason: string): void
  /** The member has ended. */
  fatal(error: CaudalError): void
}

export interface MemberView {
  readonly phase: MembershipPhase
  /** The coordinator counts it into a generation. */
  readonly isMember: boolean
  /** A rebalance is to be joined. */
  readonly mustRejoin: boolean
  /** ms for which the coordinator has answered nothing; null for no member, and while a join is the sign of life. */
  readonly silentMs: number | null
  /** Wall clock, ms: of the last change of the phase, or of the word of a rebalance. */
  readonly movedAt: number
  /** Why the membership was last lost; empty before the first time. */
  readonly lossReason: string
}

export interface GroupMemberOptions extends Omit<GroupRequestsOptions, 'signal'>, JoinOptions, Omit<HeartbeatOptions, 'fail'> {
  /** Makes the member static: a restart within the session time-out finds its tasks, without a rebalance. */
  readonly instanceId: string | null
  readonly events: GroupEvents
}

export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #standing: GroupStanding
  readonly #requests: GroupRequests
  readonly #join: GroupJoin
  readonly #heartbeats: GroupHeartbeats

  constructor(options: GroupMemberOptions) {
    this.#options = options
    const onLost = (reason: string, wasMember: boolean) => this.#lost(reason, wasMember)
    this.#standing = new GroupStanding({ ...options, onLost })
    this.#requests = new GroupRequests({ ...options, signal: this.#standing.ended })
    this.#join = new GroupJoin(options, this.#standing, this.#requests)
    const fail = (error: CaudalError) => this.#fail(error)
    this.#heartbeats = new GroupHeartbeats({ ...options, fail }, this.#standing, this.#requests)
  }

  get phase(): MembershipPhase {
    return this.#standing.phase
  }

  /** How it stands with its group at this moment. */
  get view(): MemberView {
    const { phase, isMember, mustRejoin, silentMs, movedAt, lossReason } = this.#standing
    return { phase, isMember, mustRejoin, movedAt, lossReason, silentMs: isMember && phase !== 'joining' ? silentMs : null }
  }

  /** Joins, and stays in the group until `leave`, or until an error that went to `events.fatal`; never rejects. */
  async join(): Promise<void> {
    const standing = this.#standing
    const heartbeats = this.#heartbeats.run().catch((error: unknown) => this.#fail(error))
    try {
      while (!standing.ended.aborted) {
        await standing.until(() => !this.#heartbeats.isSuspended)
        const joined = await this.#join.attempt()
        if (joined !== null && (await this.#accept(joined)))
          await standing.until(() => standing.mustRejoin || standing.phase === 'outside')
        else await this.#join.pause()
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) this.#fail(error)
    }
    await heartbeats
  }

  /** Sends a Heartbeat after this call and says what it was answered; `lost` also when nothing answers for a whole session (P4, P12). Never rejects. */
  async heartbeatNow(): Promise<HeartbeatResult> {
    try {
      return await this.#heartbeats.now()
    } catch (error) {
      this.#fail(error)
      return 'lost'
    }
  }

  /** Leaves, and joins anew under another id; nothing where the member has another one already. Never rejects. */
  async renew(memberId: string, reason: string): Promise<void> {
    const standing = this.#standing
    if (standing.memberId !== memberId || standing.ended.aborted) return
    standing.lose(reason)
    await this.#leaveGroup(memberId)
  }

  /** The worker makes no progress: the group is to believe that it is gone (P17). */
  suspendHeartbeats(): void {
    this.#heartbeats.suspend()
  }

  resume(): void {
    this.#heartbeats.resume()
  }

  /** Ends `join`. A dynamic member tells the group; a static one only if it is not to come back (`permanent`). Never rejects. */
  async leave({ permanent = false }: { readonly permanent?: boolean } = {}): Promise<void> {
    const { phase, memberId } = this.#standing
    if (phase === 'left') return
    this.#standing.end('left')
    if (memberId === '' || (this.#options.instanceId !== null && !permanent)) return
    await this.#leaveGroup(memberId)
  }

  /** Takes an assignment over; false if it was none of this topology's, and the member is outside again. */
  async #accept({ assignment, announced, previousGeneration, losses }: Joined): Promise<boolean> {
    const { fingerprint, instanceId, events } = this.#options
    const standing = this.#standing
    if (assignment.fingerprint !== fingerprint) return this.#refuse(assignment)
    const { generation, memberId } = standing
    const membership = { generation, memberId, instanceId }
    this.#join.succeeded()
    if (previousGeneration !== outsideGeneration && previousGeneration !== generation)
      events.generation({ membership, previous: previousGeneration, kept: announced, liveIds: assignment.liveIds })
    const revoked = announced.filter((task) => !assignment.tasks.includes(task))
    if (revoked.length > 0) {
      standing.enter('revoking')
      await standing.unlessLost(events.revoke(revoked))
      if (losses !== standing.losses) return true
    }
    standing.enter('stable')
    standing.holds(assignment.tasks)
    const { tasks, liveIds, members } = assignment
    events.assigned({ membership, tasks, fingerprint, liveIds, members })
    // The second phase: what was given up can be handed out.
    const { unfinishedFor = memberId } = assignment
    if (revoked.length > 0 || unfinishedFor !== memberId) standing.askToRejoin()
    return true
  }

  /**
   * Another topology has this application id. The leader judged this member if it saw it; a static member that came back without a
   * rebalance was not seen (P16): it leaves and joins anew, so that the leader does.
   */
  async #refuse({ refused }: AssignmentData): Promise<false> {
    const { instanceId, groupId, fingerprint } = this.#options
    const { memberId } = this.#standing
    if (instanceId === null || refused.includes(memberId)) {
      throw new FatalError(
        `Another topology runs under this application id (group ${groupId}): its sources, stores or repartitions differ. ` +
          'Stop all its instances before this one starts, or choose another application id.',
        { fields: { group: groupId, fingerprint } },
      )
    }
    this.#join.failed()
    this.#standing.lose('the group still has the assignment of another topology')
    await this.#leaveGroup(memberId)
    return false
  }

  async #leaveGroup(memberId: string): Promise<void> {
    try {
      await this.#requests.leave(memberId)
    } catch (ignored) {
      // The session time-out does the same, later.
    }
  }

  #lost(reason: string, wasMember: boolean): void {
    const { events, log, groupId } = this.#options
    if (wasMember) events.lost(reason)
    log.warn({ group: groupId, reason }, 'lost the membership of the group')
  }

  #fail(cause: unknown): void {
    if (this.#standing.ended.aborted) return
    const error = cause instanceof CaudalError ? cause : new FatalError(`The group member failed: ${String(cause)}`, { cause })
    this.#standing.end('failed')
    this.#options.events.fatal(error)
  }
}
