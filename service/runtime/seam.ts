/** What the supervisor and a worker say to each other: values only, so that it crosses threads, or is delivered in place by the driver. */
import type { TaskId } from '../task-id.ts'

/** Who the worker is in the group, frozen when a batch is cut (P1). */
export interface Membership {
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export type ToWorker =
  | {
      readonly kind: 'assigned'
      readonly membership: Membership
      /** All tasks that this worker has from now on; those it had already go on without a stop. */
      readonly tasks: readonly TaskId[]
      readonly fingerprint: string
      /** Transactional ids of live members: none of these is fenced by P9. */
      readonly liveIds: readonly string[]
    }
  /** The member went to a new generation and named `kept` as owned in its JoinGroup (P1's exception). */
  | {
      readonly kind: 'generation'
      readonly membership: Membership
      readonly previous: number
      readonly kept: readonly TaskId[]
      /** As of an assignment, which comes only when revoked tasks were given up. */
      readonly liveIds: readonly string[]
    }
  /** `revocation`: its number, to be answered with. */
  | { readonly kind: 'revoke'; readonly revocation: number; readonly tasks: readonly TaskId[] }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'heartbeat'; readonly answer: 'ok' | 'lost' | 'fenced-instance' }
  /** All that the sources will ever hold was read: event time goes to its end. */
  | { readonly kind: 'end-of-sources' }
  | { readonly kind: 'stop'; readonly deadlineMs: number }

/** A silent source partition that may not be idle. */
export interface HeldPartition {
  readonly topic: string
  readonly partition: number
  /** Of the wall clock, ms. */
  readonly since: number
}

/**
 * What is waited for. `start`: a phase of the start-up. `membership`: to be counted into the group. `coordinator`: the answer to a heartbeat.
 * `progress`: the worker's own. `rebalance`: the other members. `assignment`: a task to have. `task`: a task to be taken, `restore`: its
 * stores. `transaction`: the end of somebody's. `store`: the state backend. `kafka`: a broker. `producer`: a transaction of the worker's own
 * to be settled. `record`: one of a silent partition.
 */
export type WaitingFor =
  | 'start'
  | 'membership'
  | 'coordinator'
  | 'progress'
  | 'rebalance'
  | 'assignment'
  | 'task'
  | 'restore'
  | 'transaction'
  | 'store'
  | 'registry'
  | 'kafka'
  | 'producer'
  | 'record'

export interface Wait {
  readonly waitingFor: WaitingFor
  /** Null: all of the worker. */
  readonly task: TaskId | null
  /** Of the wall clock, ms. */
  readonly since: number
  /** What is awaited and why, as the end of a sentence that begins with a worker or a task; without secrets, at most 400 characters. */
  readonly detail: string
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'running'; readonly task: TaskId }
  | { readonly kind: 'restoring'; readonly task: TaskId; readonly store: string; readonly done: number; readonly total: number }
  /** After the batch that was under way was committed or aborted. */
  | { readonly kind: 'revoked'; readonly revocation: number }
  /** The membership is to be given up for a new one: something that was sent under it may still arrive, and must not count then. */
  | { readonly kind: 'renew'; readonly memberId: string; readonly reason: string }
  /** Asks for a heartbeat that is sent after this (P4, P12). */
  | { readonly kind: 'heartbeat?' }
  | { readonly kind: 'rows'; readonly sink: string; readonly lines: readonly string[]; readonly time: number }
  | { readonly kind: 'metrics'; readonly snapshot: unknown }
  /** All source partitions that hold windows open at present. */
  | { readonly kind: 'held'; readonly partitions: readonly HeldPartition[] }
  /** All that the worker waits for at present, at most 50; comes with each change. */
  | { readonly kind: 'waits'; readonly waits: readonly Wait[] }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'fatal'; readonly code: string; readonly message: string; readonly where: string; readonly exitCode: 1 | 2 }

/** Memory that both sides see at once: a message is too slow to stop a batch that must not be committed (P1, P17). */
export class SharedFlags {
  static readonly byteLength = 16
  readonly buffer: SharedArrayBuffer
  readonly #cells: Int32Array
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(SharedFlags.byteLength)) {
    this.buffer = buffer
    this.#cells = new Int32Array(buffer)
  }
  /** Moved by the worker at each step and each attempt of a bounded wait. */
  get progress(): number {
    return Atomics.load(this.#cells, 0)
  }
  advance(): void {
    Atomics.add(this.#cells, 0, 1)
  }
  /** The generation that the supervisor last joined; −1 before the first. */
  get generation(): number {
    return Atomics.load(this.#cells, 1) - 1
  }
  set generation(value: number) {
    Atomics.store(this.#cells, 1, value + 1)
  }
  /** Counts the losses of membership: a batch that was cut under another count is dead. */
  get losses(): number {
    return Atomics.load(this.#cells, 2)
  }
  lose(): void {
    Atomics.add(this.#cells, 2, 1)
  }
  /** True while the worker has input, a batch or a restore in hand: without work, no progress is no fault. */
  get busy(): boolean {
    return Atomics.load(this.#cells, 3) === 1
  }
  set busy(value: boolean) {
    Atomics.store(this.#cells, 3, value ? 1 : 0)
  }
}
