/** A worker's view of its membership: what it was told, and what the shared memory says before any message can (P1). */
import type { Clock } from '../clock.ts'
import { LostError } from '../errors.ts'
import type { TaskId } from '../task-id.ts'
import type { Membership, SharedFlags, ToWorker } from './seam.ts'

/** The membership as it was when a batch was cut: the only one that its TxnOffsetCommit may carry. */
export interface FrozenMembership {
  readonly membership: Membership
  readonly losses: number
}

type GenerationStep = Extract<ToWorker, { kind: 'generation' }>

export class MembershipView {
  readonly #flags: SharedFlags
  readonly #clock: Clock
  #current: FrozenMembership | null = null
  #step: GenerationStep | null = null
  #liveIds: readonly string[] = []

  constructor(flags: SharedFlags, clock: Clock) {
    this.#flags = flags
    this.#clock = clock
  }

  get liveIds(): readonly string[] {
    return this.#liveIds
  }

  /** Null while the worker is no member. */
  get current(): FrozenMembership | null {
    return this.#current !== null && this.#current.losses === this.#flags.losses ? this.#current : null
  }

  assigned(message: Extract<ToWorker, { kind: 'assigned' }>): void {
    this.#current = { membership: message.membership, losses: this.#flags.losses }
    this.#liveIds = message.liveIds
  }

  moved(message: GenerationStep): void {
    this.#step = message
    this.#liveIds = message.liveIds
    if (this.#current !== null) this.#current = { ...this.#current, membership: message.membership }
  }

  lost(): void {
    this.#current = null
    this.#step = null
  }

  /** @throws LostError where the membership that a batch was cut under is gone */
  check(frozen: FrozenMembership): void {
    if (frozen.losses !== this.#flags.losses) throw new LostError('the membership was lost while the batch was under way')
  }

  /**
   * P1's exception: the membership of the next generation, where the same member went straight to it and named all these tasks as owned
   * in that JoinGroup; null where it did not within `withinMs`.
   */
  async successor(frozen: FrozenMembership, tasks: readonly TaskId[], withinMs: number): Promise<Membership | null> {
    const until = this.#clock.monotonic() + withinMs
    while (this.#clock.monotonic() < until) {
      this.check(frozen)
      const step = this.#step
      if (step !== null && step.membership.generation > frozen.membership.generation) {
        const straight = step.previous === frozen.membership.generation && step.membership.generation === step.previous + 1
        const same = step.membership.memberId === frozen.membership.memberId
        return straight && same && tasks.every((task) => step.kept.includes(task)) ? step.membership : null
      }
      await this.#clock.sleep(5)
    }
    return null
  }
}
