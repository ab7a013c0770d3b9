/** What a started topology looks like from outside: the contract between the supervisor, the command line and the HTTP pages. */
import type { Configuration } from '../config.ts'
import type { CaudalError } from '../errors.ts'
import type { Wire } from '../kafka/wire/wire.ts'
import type { Log } from '../log.ts'
import type { TaskId } from '../task-id.ts'
import type { Wait } from './seam.ts'

/** 0: stopped as asked · 1: stopped by a fault · 2: refused, for usage or configuration. */
export type ExitCode = 0 | 1 | 2

export interface TaskStatus {
  readonly task: TaskId
  readonly state: 'restoring' | 'running'
  /** Changelog records applied so far and to apply in all, of the store under way. */
  readonly restoring?: { readonly store: string; readonly done: number; readonly total: number }
}

export interface WorkerStatus {
  readonly worker: number
  /** Empty before the first join. */
  readonly memberId: string
  /** −1 before the first join. */
  readonly generation: number
  readonly tasks: readonly TaskStatus[]
  /** The worker's progress counter (P17). */
  readonly progress: number
  /** `Clock.monotonic()` when the counter was last seen to move, or the worker to become busy. */
  readonly lastProgressMs: number
  /** True while there is input, a batch or a restore in hand: without work, no progress is no fault. */
  readonly busy: boolean
  /** ms for which no heartbeat was answered; null for no member, and while a join is the sign of life. */
  readonly silentMs: number | null
  /** After so long without an answer a member has to give its membership up. */
  readonly sessionTimeoutMs: number
}

export type SupervisorState = 'starting' | 'running' | 'stopping' | 'stopped' | 'failed'

export interface SupervisorStatus {
  readonly state: SupervisorState
  /** `Clock.now()` when this state began. */
  readonly since: number
  readonly workers: readonly WorkerStatus[]
  /** What is waited for, by whom and since when, whether it keeps the service from being ready or not. */
  readonly reasons: readonly Reason[]
}

export interface Reason extends Wait {
  /** Null: the process. */
  readonly worker: number | null
}

/** The first rows of a committed batch, of one print sink, as they are to be shown. */
export interface Rows {
  readonly sink: string
  readonly lines: readonly string[]
  /** `Clock.now()` of the batch. */
  readonly time: number
}

export interface Outcome {
  readonly exitCode: ExitCode
  /** The fault that stopped it. */
  readonly error?: CaudalError
}

export interface RunningSupervisor {
  status(): SupervisorStatus
  /** The newest `getMetricsAsJSON()` of each worker. */
  metricsSnapshots(): readonly unknown[]
  /** Resolves when everything has stopped, whoever asked for it; never rejects. */
  readonly outcome: Promise<Outcome>
  /** Graceful (the default): finishes or aborts the batch, flushes the stores, leaves the group. Else: drops what is under way. */
  stop(options?: { readonly graceful?: boolean }): Promise<void>
}

export interface StartOptions {
  readonly configuration: Configuration
  readonly topologyUrl: URL
  readonly exportName: string
  readonly log: Log
  readonly onRows?: (rows: Rows) => void
  /** Called with each phase of the start-up, and with what it waits for. */
  readonly onPhase?: (phase: string) => void
  /** Aborted: the start is given up, what was opened is closed, and the promise rejects with StoppedError. */
  readonly signal?: AbortSignal
  /** A Kafka inside this process: the workers then run in this thread too. */
  readonly wireFactory?: WireFactory
}

/** A new connection set for the client called `clientId`. */
export type WireFactory = (clientId: string) => Wire

export type StartSupervisor = (options: StartOptions) => Promise<RunningSupervisor>
