/** One worker as the supervisor sees it: its channel, its membership in the group, and how it is getting on. */
import type { Clock } from '../clock.ts'
import { type CaudalError, FatalError } from '../errors.ts'
import type { GroupEvents, GroupMember } from '../kafka/group-member.ts'
import type { Log } from '../log.ts'
import type { TaskId } from '../task-id.ts'
import type { Rows, TaskStatus, WorkerStatus } from './running.ts'
import type { FromWorker, HeldPartition, SharedFlags, ToWorker } from './seam.ts'

/** The way to a worker: a thread's message port, or a call in the same thread. */
export interface WorkerChannel {
  post(message: ToWorker): void
  /** Ends the worker at once, whatever it is doing. */
  terminate(): Promise<void>
}

export interface SeatParts {
  readonly worker: number
  readonly flags: SharedFlags
  readonly clock: Clock
  readonly log: Log
  readonly batchTimeoutMs: number
  readonly openChannel: (receive: (message: FromWorker) => void) => WorkerChannel
  readonly openMember: (events: GroupEvents) => GroupMember
  /** The worker or its membership has ended in a fault: so does the process. */
  readonly fail: (error: CaudalError, exitCode: 1 | 2) => void
  /** Rows of print sinks. */
  readonly onRows: (rows: Rows) => void
}

interface Revocation {
  readonly tasks: Set<TaskId>
  readonly done: () => void
}

export class Seat {
  readonly #parts: SeatParts
  readonly #channel: WorkerChannel
  readonly #member: GroupMember
  readonly #tasks = new Map<TaskId, TaskStatus>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<void>()
  #revocations: Revocation[] = []
  #progress = -1
  #movedAt: number
  #suspended = false
  #memberId = ''
  #metrics: unknown = null
  #held: readonly HeldPartition[] = []

  constructor(parts: SeatParts) {
    this.#parts = parts
    this.#movedAt = parts.clock.monotonic()
    this.#member = parts.openMember(this.#events())
    this.#channel = parts.openChannel((message) => this.#receive(message))
  }

  /** Joins the group once the worker has initialised its producer (P8, step 0). */
  async start(): Promise<void> {
    await this.#ready.promise
    void this.#member.join()
  }

  endOfSources(): void {
    this.#channel.post({ kind: 'end-of-sources' })
  }

  /** Resolves when the worker has stopped; the caller bounds the wait. */
  async stop(deadlineMs: number): Promise<void> {
    this.#channel.post({ kind: 'stop', deadlineMs })
    await this.#stopped.promise
    await this.#member.leave()
  }

  /** Ends the worker and the membership at once. */
  async terminate(): Promise<void> {
    await this.#channel.terminate()
    await this.#member.leave()
  }

  status(): WorkerStatus {
    const { worker, flags } = this.#parts
    return {
      worker,
      memberId: this.#memberId,
      generation: flags.generation,
      tasks: [...this.#tasks.values()],
      progress: flags.progress,
      lastProgressMs: this.#movedAt,
      busy: flags.busy,
    }
  }

  /** The newest figures of the worker; null before the first. */
  get metrics(): unknown {
    return this.#metrics
  }

  /** Why this worker is not ready, as sentences. */
  reasons(): readonly string[] {
    const { worker } = this.#parts
    if (this.#memberId === '') return [`worker ${worker} is not a member of the group yet`]
    return [...this.#tasks.values()].flatMap(({ task, state, restoring }) => {
      if (state === 'running') return []
      if (restoring === undefined) return [`task ${task} is being taken by worker ${worker}`]
      const { store, done, total } = restoring
      return [`task ${task} restores store ${store}: ${done} of ${total} changelog records`]
    })
  }

  /** What its tasks wait for that does not keep it from being ready, as sentences. */
  warnings(): readonly string[] {
    return this.#held.map(
      ({ topic, partition, since }) =>
        `${topic}, partition ${partition}, has been silent since ${new Date(since).toISOString()} and holds windows open, as its source has idleAfter: false: set idleAfter, or send it a record`,
    )
  }

  /** P17: a worker that has work and makes no progress for `batchTimeoutMs` stops being a member, so that another takes its tasks. */
  watch(): void {
    const { flags, clock, batchTimeoutMs, log, worker } = this.#parts
    if (flags.progress !== this.#progress || !flags.busy) {
      this.#progress = flags.progress
      this.#movedAt = clock.monotonic()
      if (this.#suspended) this.#member.resume()
      this.#suspended = false
    } else if (!this.#suspended && clock.monotonic() - this.#movedAt > batchTimeoutMs) {
      log.error({ worker, batchTimeoutMs }, 'the worker makes no progress: its heartbeats stop, so that another takes over')
      this.#member.suspendHeartbeats()
      this.#suspended = true
    }
  }

  #events(): GroupEvents {
    const { flags } = this.#parts
    return {
      assigned: (assignment) => {
        flags.generation = assignment.membership.generation
        for (const task of this.#tasks.keys()) if (!assignment.tasks.includes(task)) this.#tasks.delete(task)
        for (const task of assignment.tasks) if (!this.#tasks.has(task)) this.#tasks.set(task, { task, state: 'restoring' })
        this.#memberId = assignment.membership.memberId
        this.#channel.post({ kind: 'assigned', ...assignment })
      },
      generation: (step) => {
        flags.generation = step.membership.generation
        this.#channel.post({ kind: 'generation', ...step })
      },
      revoke: async (tasks) => {
        const revoked = Promise.withResolvers<void>()
        this.#revocations.push({ tasks: new Set(tasks), done: revoked.resolve })
        this.#channel.post({ kind: 'revoke', tasks })
        await revoked.promise
      },
      lost: (reason) => {
        // The flag first: a message is too slow to stop a batch that must not be committed (P1).
        flags.lose()
        this.#tasks.clear()
        this.#memberId = ''
        for (const { done } of this.#revocations.splice(0)) done()
        this.#channel.post({ kind: 'lost', reason })
      },
      fatal: (error) => this.#parts.fail(error, 1),
    }
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        return this.#ready.resolve()
      case 'running':
        return this.#show({ task: message.task, state: 'running' })
      case 'restoring': {
        const { task, store, done, total } = message
        return this.#show({ task, state: 'restoring', restoring: { store, done, total } })
      }
      case 'rows':
        return this.#parts.onRows(message)
      case 'metrics':
        this.#metrics = message.snapshot
        return
      case 'held':
        this.#held = message.partitions
        return
      case 'revoked':
        return this.#revoked(message.tasks)
      case 'heartbeat?':
        return void this.#answerHeartbeat()
      case 'stopped':
        return this.#stopped.resolve()
      case 'fatal': {
        this.#stopped.resolve()
        return this.#parts.fail(
          new FatalError(message.message, { fields: { code: message.code, where: message.where } }),
          message.exitCode,
        )
      }
    }
  }

  #show(status: TaskStatus): void {
    if (this.#tasks.has(status.task)) this.#tasks.set(status.task, status)
  }

  #revoked(tasks: readonly TaskId[]): void {
    for (const task of tasks) this.#tasks.delete(task)
    for (const revocation of this.#revocations) {
      for (const task of tasks) revocation.tasks.delete(task)
      if (revocation.tasks.size === 0) revocation.done()
    }
    this.#revocations = this.#revocations.filter(({ tasks: left }) => left.size > 0)
  }

  async #answerHeartbeat(): Promise<void> {
    this.#channel.post({ kind: 'heartbeat', answer: await this.#member.heartbeatNow() })
  }
}
