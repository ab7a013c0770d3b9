/** One worker as the supervisor sees it: its channel, its membership in the group, and how it is getting on. */
import type { Clock } from '../clock.ts'
import { type CaudalError, FatalError } from '../errors.ts'
import type { GroupEvents, GroupMember } from '../kafka/group-member.ts'
import type { Log } from '../log.ts'
import type { TaskId } from '../task-id.ts'
import type { Reason, Rows, TaskStatus, WorkerStatus } from './running.ts'
import type { FromWorker, HeldPartition, SharedFlags, ToWorker, Wait } from './seam.ts'
import { membershipWaits, taskWait, waitForRecord } from './seat-waits.ts'
import type { Waits } from './waits.ts'

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
  readonly sessionTimeoutMs: number
  /** How many tasks the topology has in all. */
  readonly tasksInAll: number
  /** What the membership waits for of Kafka. */
  readonly waits: Waits
  readonly openChannel: (receive: (message: FromWorker) => void) => WorkerChannel
  readonly openMember: (events: GroupEvents) => GroupMember
  /** The worker or its membership has ended in a fault: so does the process. */
  readonly fail: (error: CaudalError, exitCode: 1 | 2) => void
  /** Rows of print sinks. */
  readonly onRows: (rows: Rows) => void
}

interface SeatTask {
  readonly status: TaskStatus
  /** Wall clock, ms, when it was assigned, or left off running. */
  readonly since: number
}

interface Revocation {
  readonly tasks: readonly TaskId[]
  readonly done: () => void
}

export class Seat {
  readonly #parts: SeatParts
  readonly #channel: WorkerChannel
  readonly #member: GroupMember
  readonly #tasks = new Map<TaskId, SeatTask>()
  readonly #openedAt: number
  readonly #ready = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<void>()
  /** By number: a worker that was held up may answer one of a membership that was lost meanwhile, when it has these tasks anew. */
  readonly #revocations = new Map<number, Revocation>()
  #revocationsEver = 0
  #progress = -1
  #movedAt: number
  #suspended = false
  #memberId = ''
  #metrics: unknown = null
  #held: readonly HeldPartition[] = []
  #waits: readonly Wait[] = []
  #isReady = false
  /** How many workers the group has. */
  #workersInGroup = 0

  constructor(parts: SeatParts) {
    this.#parts = parts
    this.#movedAt = parts.clock.monotonic()
    this.#openedAt = parts.clock.now()
    this.#member = parts.openMember(this.#events())
    this.#channel = parts.openChannel((message) => this.#receive(message))
  }

  /** Joins the group once the worker has initialised its producer (P8, step 0). */
  async start(): Promise<void> {
    await this.#ready.promise
    this.#isReady = true
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
    const { worker, flags, sessionTimeoutMs } = this.#parts
    return {
      worker,
      memberId: this.#memberId,
      generation: flags.generation,
      tasks: [...this.#tasks.values()].map(({ status }) => status),
      progress: flags.progress,
      lastProgressMs: this.#movedAt,
      busy: flags.busy,
      silentMs: this.#member.view.silentMs,
      sessionTimeoutMs,
    }
  }

  /** The newest figures of the worker; null before the first. */
  get metrics(): unknown {
    return this.#metrics
  }

  /** What this worker waits for, its membership and its tasks included. */
  reasons(): readonly Reason[] {
    const { worker, waits } = this.#parts
    const tasks = [...this.#tasks.values()].flatMap(({ status, since }) => taskWait(status, since))
    const all = [...this.#ownWaits(), ...tasks, ...waits.told, ...this.#waits, ...this.#held.map(waitForRecord)]
    // A broker that is away is so for the membership and for the worker.
    const once = new Map(all.toReversed().map((wait) => [`${wait.task} ${wait.waitingFor} ${wait.detail}`, wait]))
    return [...once.values()].toReversed().map((wait) => ({ worker, ...wait }))
  }

  /** Those of the worker as a whole. */
  #ownWaits(): readonly Wait[] {
    const { clock, tasksInAll, sessionTimeoutMs, batchTimeoutMs } = this.#parts
    if (!this.#isReady) {
      const detail = 'starts: it loads the topology, connects, and ends what was open under its transactional id'
      return [{ waitingFor: 'start', task: null, since: this.#openedAt, detail }]
    }
    const now = clock.now()
    const isAssigned = this.#memberId !== ''
    const group = { isAssigned, tasks: this.#tasks.size, tasksInAll, workers: this.#workersInGroup, sessionTimeoutMs, now }
    const waits = membershipWaits(this.#member.view, group)
    if (!this.#suspended) return waits
    const since = now - Math.round(clock.monotonic() - this.#movedAt)
    const detail = `has work and made no progress for longer than ${batchTimeoutMs} ms (batchTimeoutMs): its heartbeats have stopped, so that another takes over`
    return [{ waitingFor: 'progress', task: null, since, detail }, ...waits]
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
      assigned: ({ members, ...assignment }) => {
        flags.generation = assignment.membership.generation
        for (const task of this.#tasks.keys()) if (!assignment.tasks.includes(task)) this.#tasks.delete(task)
        for (const task of assignment.tasks) {
          if (!this.#tasks.has(task))
            this.#tasks.set(task, { status: { task, state: 'restoring' }, since: this.#parts.clock.now() })
        }
        this.#workersInGroup = members
        this.#memberId = assignment.membership.memberId
        this.#channel.post({ kind: 'assigned', ...assignment })
      },
      generation: (step) => {
        flags.generation = step.membership.generation
        this.#channel.post({ kind: 'generation', ...step })
      },
      revoke: async (tasks) => {
        const revoked = Promise.withResolvers<void>()
        const revocation = this.#revocationsEver++
        this.#revocations.set(revocation, { tasks, done: revoked.resolve })
        this.#channel.post({ kind: 'revoke', revocation, tasks })
        await revoked.promise
      },
      lost: (reason) => this.#lost(reason),
      fatal: (error) => {
        // A batch under way would wait for a membership that does not come any more.
        this.#lost(error.message)
        this.#parts.fail(error, 1)
      },
    }
  }

  #lost(reason: string): void {
    // The flag first: a message is too slow to stop a batch that must not be committed (P1).
    this.#parts.flags.lose()
    this.#tasks.clear()
    this.#memberId = ''
    for (const { done } of this.#revocations.values()) done()
    this.#revocations.clear()
    this.#channel.post({ kind: 'lost', reason })
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
      case 'waits':
        this.#waits = message.waits
        return
      case 'revoked':
        return this.#revoked(message.revocation)
      case 'renew':
        return void this.#member.renew(message.memberId, message.reason)
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
    const before = this.#tasks.get(status.task)
    if (before === undefined) return
    const since = before.status.state === status.state ? before.since : this.#parts.clock.now()
    this.#tasks.set(status.task, { status, since })
  }

  #revoked(revocation: number): void {
    const found = this.#revocations.get(revocation)
    if (found === undefined) return
    this.#revocations.delete(revocation)
    for (const task of found.tasks) this.#tasks.delete(task)
    found.done()
  }

  async #answerHeartbeat(): Promise<void> {
    this.#channel.post({ kind: 'heartbeat', answer: await this.#member.heartbeatNow() })
  }
}
