/** How a member comes into a generation: JoinGroup, then SyncGroup, with everybody's assignment in it where this member leads. */
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { pauseMs } from '../retry.ts'
import type { TaskId } from '../task-id.ts'
import { type AssignmentData, decodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { type LeaderOptions, leaderDecision } from './group-leader.ts'
import type { GroupAnswer, GroupRequests } from './group-requests.ts'
import { type GroupStanding, outsideGeneration } from './group-standing.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf, RequestOf } from './wire/messages.ts'

export interface JoinOptions extends LeaderOptions {
  readonly clock: Clock
  readonly log: Log
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly transactionalIds: readonly string[]
  /** Every source and repartition topic, so that none of their offsets expire in a live group (P11). */
  readonly topics: readonly string[]
}

/** What a join led to, and what was true when it began. */
export interface Joined {
  readonly assignment: AssignmentData
  /** The tasks that this member named as its own. */
  readonly announced: readonly TaskId[]
  readonly previousGeneration: number
  readonly losses: number
}

export class GroupJoin {
  readonly #options: JoinOptions
  readonly #standing: GroupStanding
  readonly #requests: GroupRequests
  /** How often in a row a join failed. */
  #failures = 0
  /** Whether the last request got no answer. */
  #isTroubled = false
  /** Whether it was told that another process has its instance id, and has come again since, without getting in. */
  #hasComeAgain = false

  constructor(options: JoinOptions, standing: GroupStanding, requests: GroupRequests) {
    this.#options = options
    this.#standing = standing
    this.#requests = requests
  }

  /**
   * Null: not yet, ask again, after a pause. The broker holds the answers while others finish; kept tasks go on meanwhile (P16).
   * @throws StoppedError when the member has ended; FatalError.
   */
  async attempt(): Promise<Joined | null> {
    const standing = this.#standing
    standing.enter('joining')
    // The last one that it took tasks over in: one that it was only counted into may never have been, and its number comes again.
    const { tasks: announced, tasksGeneration: previousGeneration, losses } = standing
    const answer = await this.#joinGroup(announced)
    // Lost while the request was out: it named tasks that are gone. The next one names none.
    if (answer === null || losses !== standing.losses) return null
    standing.counted(answer.generationId)
    const assignment = await this.#syncGroup(answer)
    if (assignment === null || losses !== standing.losses) return null
    standing.alive()
    return { assignment, announced, previousGeneration, losses }
  }

  succeeded(): void {
    this.#failures = 0
    this.#hasComeAgain = false
  }

  failed(): void {
    this.#failures++
  }

  /** Longer from failure to failure; none where there was none. */
  async pause(): Promise<void> {
    if (this.#failures === 0) return
    const { clock } = this.#options
    await clock.sleep(pauseMs(clock, this.#failures), this.#standing.ended)
  }

  async #joinGroup(announced: readonly TaskId[]): Promise<AnswerOf<'JoinGroup'> | null> {
    const { topics, taskPartitions, fingerprint, transactionalIds } = this.#options
    const { memberId, tasksGeneration, losses } = this.#standing
    const data = { fingerprint, transactionalIds, tasks: announced, generation: tasksGeneration }
    const subscription = encodeSubscription(topics, taskPartitions(announced), data)
    const reply = await this.#answered(this.#requests.join(memberId, subscription))
    if (reply === null) return null
    const { answer, code, verdict } = reply
    if (verdict === 'ok' || code === errorCode.MEMBER_ID_REQUIRED) this.#standing.identified(answer.memberId)
    else this.#refused('JoinGroup', reply, losses)
    return verdict === 'ok' ? answer : null
  }

  async #syncGroup({ generationId, memberId, leader, skipAssignment, members }: AnswerOf<'JoinGroup'>) {
    const { losses } = this.#standing
    const isLeader = leader === memberId && !skipAssignment
    const assignments = isLeader ? this.#assign(generationId, members) : []
    const reply = await this.#answered(this.#requests.sync(generationId, memberId, assignments))
    if (reply === null) return null
    if (reply.verdict !== 'ok') return this.#refused('SyncGroup', reply, losses)
    const { fingerprint, transactionalIds } = this.#options
    return (
      decodeAssignment(reply.answer.assignment) ?? { fingerprint, liveIds: transactionalIds, members: 1, tasks: [], refused: [] }
    )
  }

  #assign(generation: number, members: AnswerOf<'JoinGroup'>['members']): RequestOf<'SyncGroup'>['assignments'] {
    const { result, assignments } = leaderDecision(members, this.#options)
    const { withheld, refused } = result
    const fields = { group: this.#options.groupId, generation, members: members.length, withheld, refused }
    this.#options.log.info(fields, 'assigned the tasks of the group')
    return assignments
  }

  /** `losses`: as of the request. An answer to a member that was lost since says nothing about the one that there is now. */
  #refused(api: 'JoinGroup' | 'SyncGroup', { code, verdict }: GroupAnswer<unknown>, losses: number): null {
    this.failed()
    const error = this.#requests.errorOf(api, code)
    const comesAgain = code === errorCode.FENCED_INSTANCE_ID && this.#mayComeAgain
    if (comesAgain) this.#hasComeAgain = true
    else if (verdict === 'fatal') throw error
    if ((comesAgain || verdict === 'lost') && losses === this.#standing.losses) this.#standing.lose(error.message)
    return null
  }

  /**
   * A coordinator that has moved may remember the process before this one, as a broker writes who a static member is when the rebalance is
   * over. So a member that is not in yet comes again, once, as a new process does. If another process does have its place, that one is told.
   */
  get #mayComeAgain(): boolean {
    return !this.#hasComeAgain && this.#standing.tasksGeneration === outsideGeneration
  }

  /**
   * An answer, or null where none came: the broker counts whoever waits in a join as alive until the connection breaks; a session later
   * it is no member any more.
   */
  async #answered<A>(request: Promise<A | null>): Promise<A | null> {
    const reply = await request
    const standing = this.#standing
    standing.throwIfEnded()
    const wasTroubled = this.#isTroubled
    this.#isTroubled = reply === null
    if (reply !== null) return reply
    this.failed()
    if (!wasTroubled) standing.alive()
    if (standing.isSessionOver) standing.lose(`the coordinator has not been reached for ${this.#options.sessionTimeoutMs} ms`)
    return null
  }
}
