/** One member of the consumer group: classic protocol, cooperative, static where it has an instance id (P16, KIP-345, KIP-429). */
import type { Clock } from '../clock.ts'
import { CaudalError, ConnectionError, FatalError, KafkaError, StoppedError } from '../errors.ts'
import type { Log } from '../log.ts'
import { pauseMs } from '../retry.ts'
import type { Membership } from '../runtime/seam.ts'
import type { TaskId } from '../task-id.ts'
import type { Cluster } from './cluster.ts'
import { type AssignmentData, decodeAssignment, encodeSubscription, type TopicPartitions } from './consumer-protocol.ts'
import { leaderDecision } from './group-leader.ts'
import { GroupRequests } from './group-requests.ts'
import { enterPhase, type MembershipPhase } from './membership-phases.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf, RequestOf } from './wire/messages.ts'
import type { Wire } from './wire/wire.ts'

export interface GroupEvents {
  /** All tasks of the member from now on; those it had already go on without a stop. */
  assigned(assignment: {
    readonly membership: Membership
    readonly tasks: readonly TaskId[]
    readonly fingerprint: string
    readonly liveIds: readonly string[]
  }): void
  /** The member went from generation `previous` to that of `membership`, and named `kept` as owned on the way (P1). Comes before `assigned` and `revoke`. */
  generation(change: { readonly membership: Membership; readonly previous: number; readonly kept: readonly TaskId[] }): void
  /** A barrier: resolves when the batch that holds these tasks is committed or aborted. Others get them only then. */
  revoke(tasks: readonly TaskId[]): Promise<void>
  /** The membership is gone, and all tasks with it; the member joins anew by itself. */
  lost(reason: string): void
  /** The member has ended. */
  fatal(error: CaudalError): void
}

export interface GroupMemberOptions {
  readonly cluster: Cluster
  readonly wire: Wire
  readonly clock: Clock
  readonly groupId: string
  /** Makes the member static: a restart within the session time-out finds its tasks, without a rebalance. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly transactionalId: string
  readonly fingerprint: string
  /** Every source and repartition topic, so that none of their offsets expire in a live group (P11). */
  readonly topics: readonly string[]
  /** The partitions of tasks, for the encoding that lag tools read. */
  readonly taskPartitions: (tasks: readonly TaskId[]) => TopicPartitions
  /** What there is to assign; asked when this member leads. */
  readonly allTasks: () => readonly TaskId[]
  readonly purpose: string
  readonly events: GroupEvents
  readonly log: Log
}

type HeartbeatResult = 'ok' | 'lost' | 'fenced-instance'

/** What a JoinGroup has said, and what was true when it was sent. */
interface Joined {
  readonly answer: AnswerOf<'JoinGroup'>
  readonly announced: readonly TaskId[]
  readonly previous: number
  readonly losses: number
}

const outsideGeneration = -1

export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #requests: GroupRequests
  readonly #stop = new AbortController()
  readonly #stopped: Promise<void>
  #phase: MembershipPhase = 'outside'
  #memberId = ''
  #generation = outsideGeneration
  #tasks: readonly TaskId[] = []
  #tasksGeneration = outsideGeneration
  /** When the coordinator was last known to count this member: the sending of what it answered well. Monotonic. */
  #aliveAt = 0
  /** How often in a row a join failed. */
  #failures = 0
  /** Whether the last join got no answer. */
  #isTroubled = false
  #losses = 0
  #rejoin = false
  #suspended = false
  #watchers: (() => void)[] = []

  constructor(options: GroupMemberOptions) {
    this.#options = options
    this.#requests = new GroupRequests({ ...options, signal: this.#stop.signal })
    this.#stopped = new Promise((resolve) => this.#stop.signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  get phase(): MembershipPhase {
    return this.#phase
  }

  /** Joins, and stays in the group until `leave`, or until an error that went to `events.fatal`; never rejects. */
  async join(): Promise<void> {
    const heartbeats = this.#heartbeats()
    try {
      while (!this.#stop.signal.aborted) {
        await this.#until(() => !this.#suspended)
        const joined = await this.#joinGroup()
        const assignment = joined && (await this.#syncGroup(joined))
        if (joined && assignment && (await this.#accept(joined, assignment)))
          await this.#until(() => this.#rejoin || this.#phase === 'outside')
        else await this.#pauseAfterFailure()
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) this.#fail(error)
    }
    await heartbeats
  }

  /** Sends a Heartbeat after this call and says what it was answered; `lost` also when nothing answers for a whole session (P4, P12). */
  async heartbeatNow(): Promise<HeartbeatResult> {
    for (let attempt = 0; !this.#stop.signal.aborted && this.#generation !== outsideGeneration; attempt++) {
      const result = await this.#heartbeat()
      if (result !== 'unknown') return result
      this.#loseIfSilent()
      await this.#options.clock.sleep(pauseMs(this.#options.clock, attempt), this.#stop.signal)
    }
    return 'lost'
  }

  /** The worker makes no progress: the group is to believe that it is gone (P17). */
  suspendHeartbeats(): void {
    this.#suspended = true
  }

  resume(): void {
    this.#suspended = false
    this.#notify()
  }

  /** Ends `join`. A dynamic member tells the group; a static one only if it is not to come back (`permanent`). Never rejects. */
  async leave({ permanent = false }: { readonly permanent?: boolean } = {}): Promise<void> {
    if (this.#phase === 'left') return
    const memberId = this.#memberId
    this.#phase = enterPhase(this.#phase, 'left')
    this.#stop.abort()
    this.#notify()
    if (memberId === '' || (this.#options.instanceId !== null && !permanent)) return
    await this.#leaveGroup(memberId)
  }

  // ── joining ──

  /** Null: not yet, ask again. The broker holds the answer while others finish; kept tasks go on meanwhile (P16). */
  async #joinGroup(): Promise<Joined | null> {
    this.#enter('joining')
    this.#rejoin = false
    const { topics, taskPartitions, fingerprint, transactionalId } = this.#options
    const [announced, previous, losses] = [this.#tasks, this.#generation, this.#losses]
    const data = { fingerprint, transactionalId, tasks: announced, generation: this.#tasksGeneration }
    const reply = await this.#unlessTrouble(
      this.#requests.join(this.#memberId, encodeSubscription(topics, taskPartitions(announced), data)),
    )
    if (reply === null) return null
    const { answer, code, verdict } = reply
    if (verdict === 'ok') {
      this.#memberId = answer.memberId
      // Lost while the request was out: it named tasks that are gone. The next one names none.
      if (losses !== this.#losses) return null
      this.#generation = answer.generationId
      this.#aliveAt = this.#options.clock.monotonic()
      return { answer, announced, previous, losses }
    }
    if (code === errorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = answer.memberId
      return null
    }
    this.#failures++
    if (verdict === 'lost') this.#lose(`JoinGroup: ${this.#requests.errorOf('JoinGroup', code).message}`)
    else if (verdict === 'fatal') throw this.#requests.errorOf('JoinGroup', code)
    return null
  }

  async #syncGroup({ answer, losses }: Joined): Promise<AssignmentData | null> {
    const isLeader = answer.leader === answer.memberId && !answer.skipAssignment
    const assignments = isLeader ? this.#assign(answer.members) : []
    const reply = await this.#unlessTrouble(this.#requests.sync(answer.generationId, answer.memberId, assignments))
    if (reply === null || losses !== this.#losses) return null
    const { code, verdict } = reply
    if (verdict === 'ok') {
      this.#aliveAt = this.#options.clock.monotonic()
      const { fingerprint, transactionalId } = this.#options
      return decodeAssignment(reply.answer.assignment) ?? { fingerprint, liveIds: [transactionalId], tasks: [], refused: [] }
    }
    this.#failures++
    if (verdict === 'lost') this.#lose(this.#requests.errorOf('SyncGroup', code).message)
    else if (verdict === 'fatal') throw this.#requests.errorOf('SyncGroup', code)
    return null
  }

  #assign(members: AnswerOf<'JoinGroup'>['members']): RequestOf<'SyncGroup'>['assignments'] {
    const { result, assignments } = leaderDecision(members, this.#options)
    const { withheld, refused } = result
    const fields = { group: this.#options.groupId, generation: this.#generation, members: members.length, withheld, refused }
    this.#options.log.info(fields, 'assigned the tasks of the group')
    return assignments
  }

  /** Takes an assignment over; false if it was none of this topology's, and the member is outside again. */
  async #accept({ announced, previous, losses }: Joined, assignment: AssignmentData): Promise<boolean> {
    const { fingerprint, events } = this.#options
    if (assignment.fingerprint !== fingerprint) return this.#refuse(assignment)
    const membership = this.#membership()
    this.#failures = 0
    if (previous !== outsideGeneration && previous !== membership.generation)
      events.generation({ membership, previous, kept: announced })
    const revoked = announced.filter((task) => !assignment.tasks.includes(task))
    if (revoked.length > 0) {
      this.#enter('revoking')
      await this.#unlessLost(events.revoke(revoked))
      if (losses !== this.#losses) return true
    }
    this.#enter('stable')
    this.#tasks = assignment.tasks
    this.#tasksGeneration = membership.generation
    events.assigned({ membership, tasks: assignment.tasks, fingerprint, liveIds: assignment.liveIds })
    // The second phase: what was given up can be handed out.
    const { unfinishedFor = this.#memberId } = assignment
    if (revoked.length > 0 || unfinishedFor !== this.#memberId) this.#rejoin = true
    return true
  }

  /**
   * Another topology has this application id. The leader judged this member if it saw it; a static member that came back without a
   * rebalance was not seen (P16): it leaves and joins anew, so that the leader does.
   */
  async #refuse({ refused }: AssignmentData): Promise<false> {
    const { instanceId, groupId, fingerprint } = this.#options
    if (instanceId === null || refused.includes(this.#memberId)) {
      throw new FatalError(
        `Another topology runs under this application id (group ${groupId}): its sources, stores or repartitions differ. ` +
          'Stop all its instances before this one starts, or choose another application id.',
        { fields: { group: groupId, fingerprint } },
      )
    }
    const memberId = this.#memberId
    this.#failures++
    this.#lose('the group still has the assignment of another topology')
    await this.#leaveGroup(memberId)
    return false
  }

  // ── heartbeats ──

  async #heartbeats(): Promise<void> {
    const { clock, heartbeatIntervalMs } = this.#options
    while (!this.#stop.signal.aborted) {
      await clock.sleep(heartbeatIntervalMs, this.#stop.signal)
      const isMember = this.#phase === 'stable' || this.#phase === 'revoking'
      if (isMember && !this.#suspended && !this.#rejoinIsDue()) await this.#heartbeat()
      this.#loseIfSilent()
    }
  }

  /** Between the word of a rebalance and the join there is nothing that a heartbeat could tell; while revoking it still keeps the session. */
  #rejoinIsDue(): boolean {
    return this.#rejoin && this.#phase === 'stable'
  }

  /** One Heartbeat. `unknown`: no answer, or one that a join under way has overtaken. */
  async #heartbeat(): Promise<HeartbeatResult | 'unknown'> {
    const [generation, memberId, sentAt] = [this.#generation, this.#memberId, this.#options.clock.monotonic()]
    const reply = await this.#answerOf(this.#requests.heartbeat(generation, memberId))
    if (this.#stop.signal.aborted || memberId !== this.#memberId) return 'lost'
    if (reply === null) return 'unknown'
    const { code, verdict } = reply
    if (verdict === 'ok' || verdict === 'rejoin') {
      this.#aliveAt = Math.max(this.#aliveAt, sentAt)
      if (verdict === 'rejoin' && this.#phase !== 'joining' && generation === this.#generation) this.#askToRejoin()
      return 'ok'
    }
    // The coordinator is a generation ahead: the answer to our JoinGroup is on its way.
    if (code === errorCode.ILLEGAL_GENERATION && (this.#phase === 'joining' || generation !== this.#generation)) return 'unknown'
    const error = this.#requests.errorOf('Heartbeat', code)
    if (verdict === 'lost') this.#lose(error.message)
    else this.#fail(error)
    return code === errorCode.FENCED_INSTANCE_ID ? 'fenced-instance' : 'lost'
  }

  /** While a JoinGroup is held by the broker, that is the sign of life. */
  #loseIfSilent(): void {
    const { clock, sessionTimeoutMs } = this.#options
    const silentMs = clock.monotonic() - this.#aliveAt
    if (this.#phase === 'joining' || this.#generation === outsideGeneration || silentMs <= sessionTimeoutMs) return
    this.#lose(`the coordinator has answered no heartbeat for ${Math.round(silentMs)} ms`)
  }

  // ── the rest ──

  #membership(): Membership {
    return { generation: this.#generation, memberId: this.#memberId, instanceId: this.#options.instanceId }
  }

  #enter(phase: MembershipPhase): void {
    this.#phase = enterPhase(this.#phase, phase)
  }

  #askToRejoin(): void {
    this.#rejoin = true
    this.#notify()
  }

  #lose(reason: string): void {
    const wasMember = this.#generation !== outsideGeneration
    this.#memberId = ''
    this.#generation = outsideGeneration
    this.#tasks = []
    this.#tasksGeneration = outsideGeneration
    this.#losses++
    if (this.#phase !== 'left' && this.#phase !== 'failed') this.#enter('outside')
    if (wasMember) this.#options.events.lost(reason)
    this.#options.log.warn({ group: this.#options.groupId, reason }, 'lost the membership of the group')
    this.#notify()
  }

  #fail(cause: unknown): void {
    if (this.#stop.signal.aborted) return
    const error = cause instanceof CaudalError ? cause : new FatalError(`The group member failed: ${String(cause)}`, { cause })
    this.#enter('failed')
    this.#stop.abort()
    this.#notify()
    this.#options.events.fatal(error)
  }

  async #leaveGroup(memberId: string): Promise<void> {
    try {
      await this.#requests.leave(memberId)
    } catch (ignored) {
      // The session time-out does the same, later.
    }
  }

  /** A request that may be made again: null without an answer. What the stop of the member overtakes throws StoppedError. */
  async #answerOf<A>(request: Promise<A>): Promise<A | null> {
    try {
      const answer = await Promise.race([request, this.#stopped])
      if (this.#stop.signal.aborted || answer === undefined) return null
      return answer
    } catch (error) {
      if (error instanceof StoppedError || error instanceof ConnectionError || error instanceof KafkaError) return null
      throw error
    }
  }

  /** For joins: the broker counts whoever waits in one as alive until the connection breaks; a session later it is no member any more. */
  async #unlessTrouble<A>(request: Promise<A>): Promise<A | null> {
    const reply = await this.#answerOf(request)
    if (this.#stop.signal.aborted) throw new StoppedError('the member has left the group')
    const wasTroubled = this.#isTroubled
    this.#isTroubled = reply === null
    if (reply !== null) return reply
    const { clock, sessionTimeoutMs } = this.#options
    this.#failures++
    if (!wasTroubled) this.#aliveAt = clock.monotonic()
    const isOver = clock.monotonic() - this.#aliveAt > sessionTimeoutMs
    if (isOver && this.#generation !== outsideGeneration)
      this.#lose(`the coordinator has not been reached for ${sessionTimeoutMs} ms`)
    return null
  }

  async #pauseAfterFailure(): Promise<void> {
    if (this.#failures === 0) return
    await this.#options.clock.sleep(pauseMs(this.#options.clock, this.#failures), this.#stop.signal)
  }

  #notify(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const wake of watchers) wake()
  }

  /** Resolves when the condition holds, looked at after each change; throws StoppedError when the member has left. */
  async #until(condition: () => boolean): Promise<void> {
    while (!this.#stop.signal.aborted && !condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve))
    if (this.#stop.signal.aborted) throw new StoppedError('the member has left the group')
  }

  async #unlessLost(barrier: Promise<void>): Promise<void> {
    const losses = this.#losses
    await Promise.race([barrier, this.#until(() => this.#losses !== losses)])
  }
}
