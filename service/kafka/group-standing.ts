/** Where a member stands in its group: its phase, its generation and its tasks, and who waits for one of them to change. */
import type { Clock } from '../clock.ts'
import { StoppedError } from '../errors.ts'
import type { TaskId } from '../task-id.ts'
import { enterPhase, type MembershipPhase } from './membership-phases.ts'

export const outsideGeneration = -1

export interface StandingOptions {
  readonly clock: Clock
  /** So long may the coordinator be silent before a member has to believe that it is none any more. */
  readonly sessionTimeoutMs: number
  /** The membership is gone; `wasMember` is false for one that had not come about yet. */
  readonly onLost: (reason: string, wasMember: boolean) => void
}

export class GroupStanding {
  readonly #options: StandingOptions
  readonly #end = new AbortController()
  #phase: MembershipPhase = 'outside'
  #memberId = ''
  #generation = outsideGeneration
  #tasks: readonly TaskId[] = []
  #tasksGeneration = outsideGeneration
  /** When the coordinator was last known to count this member: the sending of what it answered well. Monotonic. */
  #aliveAt = 0
  #losses = 0
  #lossReason = ''
  #movedAt: number
  #mustRejoin = false
  #watchers: (() => void)[] = []

  constructor(options: StandingOptions) {
    this.#options = options
    this.#movedAt = options.clock.now()
  }

  get phase(): MembershipPhase {
    return this.#phase
  }

  /** Empty before the coordinator has given one. */
  get memberId(): string {
    return this.#memberId
  }

  get generation(): number {
    return this.#generation
  }

  get isMember(): boolean {
    return this.#generation !== outsideGeneration
  }

  get tasks(): readonly TaskId[] {
    return this.#tasks
  }

  /** The generation that gave `tasks`; the leader of the group believes the highest. */
  get tasksGeneration(): number {
    return this.#tasksGeneration
  }

  /** How often the membership was lost: what was asked before one and is answered behind it counts no more. */
  get losses(): number {
    return this.#losses
  }

  /** Why the membership was last lost; empty before the first time. */
  get lossReason(): string {
    return this.#lossReason
  }

  /** Wall clock, ms: since when the phase is what it is, and no rebalance has come in between. */
  get movedAt(): number {
    return this.#movedAt
  }

  /** The group rebalances, or this member has given tasks up for others. */
  get mustRejoin(): boolean {
    return this.#mustRejoin
  }

  /** Aborted when the member has left or failed. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  enter(phase: 'joining' | 'revoking' | 'stable'): void {
    this.#move(phase)
    if (phase === 'joining') this.#mustRejoin = false
  }

  #move(phase: MembershipPhase): void {
    if (phase !== this.#phase) this.#movedAt = this.#options.clock.now()
    this.#phase = enterPhase(this.#phase, phase)
  }

  /** The coordinator has given an id to come back with. */
  identified(memberId: string): void {
    this.#memberId = memberId
  }

  /** The coordinator counts this member into a generation. */
  counted(generation: number): void {
    this.#generation = generation
    this.alive()
  }

  holds(tasks: readonly TaskId[]): void {
    this.#tasks = tasks
    this.#tasksGeneration = this.#generation
  }

  /** The coordinator counted this member at that time. */
  alive(at = this.#options.clock.monotonic()): void {
    this.#aliveAt = Math.max(this.#aliveAt, at)
  }

  /** How long the coordinator has been silent. */
  get silentMs(): number {
    return this.#options.clock.monotonic() - this.#aliveAt
  }

  get isSessionOver(): boolean {
    return this.isMember && this.silentMs > this.#options.sessionTimeoutMs
  }

  askToRejoin(): void {
    if (!this.#mustRejoin) this.#movedAt = this.#options.clock.now()
    this.#mustRejoin = true
    this.changed()
  }

  /** Everything is gone that the membership gave. */
  lose(reason: string): void {
    const wasMember = this.isMember
    this.#memberId = ''
    this.#generation = outsideGeneration
    this.holds([])
    this.#losses++
    this.#lossReason = reason
    if (!this.#end.signal.aborted) this.#move('outside')
    this.#options.onLost(reason, wasMember)
    this.changed()
  }

  end(phase: 'left' | 'failed'): void {
    this.#move(phase)
    this.#end.abort()
    this.changed()
  }

  /** Wakes whoever waits for a condition. */
  changed(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const wake of watchers) wake()
  }

  /** Resolves when the condition holds, looked at after each change. @throws StoppedError when the member has ended */
  async until(condition: () => boolean): Promise<void> {
    while (!this.ended.aborted && !condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve))
    this.throwIfEnded()
  }

  /** Resolves with `barrier`, or as soon as the membership is lost. @throws StoppedError when the member has ended */
  async unlessLost(barrier: Promise<void>): Promise<void> {
    const losses = this.#losses
    let isOver = false
    const wake = () => {
      isOver = true
      this.changed()
    }
    void barrier.then(wake, wake)
    await this.until(() => isOver || this.#losses !== losses)
    if (isOver) await barrier
  }

  throwIfEnded(): void {
    if (this.ended.aborted) throw new StoppedError('the member has left the group')
  }
}
