/** The heartbeats of a group member: on time, on demand, and withheld; and the end of a membership that nobody answers for. */
import type { Clock } from '../clock.ts'
import type { CaudalError } from '../errors.ts'
import { pauseMs } from '../retry.ts'
import type { GroupRequests } from './group-requests.ts'
import type { GroupStanding } from './group-standing.ts'
import { errorCode } from './wire/error-codes.ts'

export type HeartbeatResult = 'ok' | 'lost' | 'fenced-instance'

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly heartbeatIntervalMs: number
  /** The coordinator said what no further heartbeat will mend. */
  readonly fail: (error: CaudalError) => void
}

export class GroupHeartbeats {
  readonly #options: HeartbeatOptions
  readonly #standing: GroupStanding
  readonly #requests: GroupRequests
  #isSuspended = false

  constructor(options: HeartbeatOptions, standing: GroupStanding, requests: GroupRequests) {
    this.#options = options
    this.#standing = standing
    this.#requests = requests
  }

  get isSuspended(): boolean {
    return this.#isSuspended
  }

  /** The group is to believe that this member is gone (P17). */
  suspend(): void {
    this.#isSuspended = true
  }

  resume(): void {
    this.#isSuspended = false
    this.#standing.changed()
  }

  /** Beats until the member has ended. */
  async run(): Promise<void> {
    const { clock, heartbeatIntervalMs } = this.#options
    const { ended } = this.#standing
    while (!ended.aborted) {
      await clock.sleep(heartbeatIntervalMs, ended)
      if (this.#isDue()) await this.#beat()
      this.#loseIfSilent()
    }
  }

  /** Sends a Heartbeat after this call and says what it was answered; `lost` also when nothing answers for a whole session (P4, P12). */
  async now(): Promise<HeartbeatResult> {
    const { clock } = this.#options
    const { ended } = this.#standing
    for (let attempt = 0; !ended.aborted && this.#standing.isMember; attempt++) {
      const result = await this.#beat()
      if (result !== 'unknown') return result
      this.#loseIfSilent()
      await clock.sleep(pauseMs(clock, attempt), ended)
    }
    return 'lost'
  }

  /** Between the word of a rebalance and the join there is nothing that a heartbeat could tell; while revoking it still keeps the session. */
  #isDue(): boolean {
    const { phase, mustRejoin } = this.#standing
    return !this.#isSuspended && (phase === 'revoking' || (phase === 'stable' && !mustRejoin))
  }

  /** One Heartbeat. `unknown`: no answer, or one that a join under way has overtaken. */
  async #beat(): Promise<HeartbeatResult | 'unknown'> {
    const standing = this.#standing
    const { generation, memberId } = standing
    const sentAt = this.#options.clock.monotonic()
    const reply = await this.#requests.heartbeat(generation, memberId)
    if (standing.ended.aborted || memberId !== standing.memberId) return 'lost'
    if (reply === null) return 'unknown'
    const { code, verdict } = reply
    const isOvertaken = standing.phase === 'joining' || generation !== standing.generation
    if (verdict === 'ok' || verdict === 'rejoin') {
      standing.alive(sentAt)
      if (verdict === 'rejoin' && !isOvertaken) standing.askToRejoin()
      return 'ok'
    }
    // The coordinator is a generation ahead: the answer to our JoinGroup is on its way.
    if (code === errorCode.ILLEGAL_GENERATION && isOvertaken) return 'unknown'
    const error = this.#requests.errorOf('Heartbeat', code)
    if (verdict === 'lost') standing.lose(error.message)
    else this.#options.fail(error)
    return code === errorCode.FENCED_INSTANCE_ID ? 'fenced-instance' : 'lost'
  }

  /** While a JoinGroup is held by the broker, that is the sign of life. */
  #loseIfSilent(): void {
    const { phase, isSessionOver, silentMs } = this.#standing
    if (phase === 'joining' || !isSessionOver) return
    this.#standing.lose(`the coordinator has answered no heartbeat for ${Math.round(silentMs)} ms`)
  }
}
