/** The tasks of one worker: those it has to have, those being taken beside the loop, and those that run (P8, P15). */
import type { Clock } from '../clock.ts'
import { CaudalError, FatalError, StoppedError, StoreFencedError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { TaskId } from '../task-id.ts'
import type { TakenTask } from './taking.ts'
import type { Task } from './task.ts'

export interface TaskSetParts {
  readonly clock: Clock
  readonly log: Log
  /** Takes one task; `signal` gives it up. */
  readonly take: (id: TaskId, signal: AbortSignal) => Promise<TakenTask>
  /** Makes a taken task run. */
  readonly open: (taken: TakenTask) => Task
  readonly close: (task: Task) => void
  /** Resolves when a heartbeat that was sent after the call was answered well (P12). */
  readonly heartbeat: (signal: AbortSignal) => Promise<void>
  /** Something changed that the loop should look at. */
  readonly wake: () => void
}

export class TaskSet {
  readonly #parts: TaskSetParts
  readonly #wanted = new Set<TaskId>()
  readonly #taking = new Map<TaskId, AbortController>()
  readonly #running = new Map<TaskId, Task>()
  /** Takings that were given up, until they have come to their end. */
  readonly #ending = new Map<TaskId, Promise<void>>()
  #failure: CaudalError | null = null

  constructor(parts: TaskSetParts) {
    this.#parts = parts
  }

  get running(): ReadonlyMap<TaskId, Task> {
    return this.#running
  }

  /** How many are being taken. */
  get takingCount(): number {
    return this.#taking.size
  }

  /** A fault of a taking that no repetition mends. */
  get failure(): CaudalError | null {
    return this.#failure
  }

  /** From now on these tasks and no others: what is new is taken, what is not named is closed. */
  assign(ids: readonly TaskId[]): void {
    for (const id of this.#wanted) if (!ids.includes(id)) this.giveUp(id)
    for (const id of ids) {
      this.#wanted.add(id)
      if (!this.#running.has(id) && !this.#taking.has(id)) this.#begin(id)
    }
  }

  giveUp(id: TaskId): void {
    this.#wanted.delete(id)
    this.#drop(id)
  }

  /** The membership is gone, and every task with it. */
  giveUpAll(): void {
    for (const id of this.#wanted) this.giveUp(id)
  }

  /** The membership is gone: takings end at once, and not at the next boundary, when there may be another membership to commit under (P1). */
  stopTaking(): void {
    for (const controller of this.#taking.values()) controller.abort()
  }

  /** Drops all that is in memory (P3). The tasks stay wanted: `assign` or `retake` takes them again. */
  dropAll(): void {
    for (const id of this.#wanted) this.#drop(id)
  }

  retake(): void {
    this.assign([...this.#wanted])
  }

  #drop(id: TaskId): void {
    this.#taking.get(id)?.abort()
    this.#taking.delete(id)
    const task = this.#running.get(id)
    if (task !== undefined) this.#parts.close(task)
    this.#running.delete(id)
  }

  /** One taking of a task after another: an acquire of an earlier one must not come behind that of a later one. */
  #begin(id: TaskId): void {
    const controller = new AbortController()
    this.#taking.set(id, controller)
    const before = this.#ending.get(id)
    const taking = (async () => {
      await before
      await this.#take(id, controller.signal)
    })()
    this.#ending.set(id, taking)
  }

  async #take(id: TaskId, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const taken = await this.#parts.take(id, signal)
        if (signal.aborted) return
        this.#taking.delete(id)
        this.#running.set(id, this.#parts.open(taken))
        this.#parts.wake()
        return
      } catch (error) {
        if (signal.aborted) return
        await this.#afterFailure(id, error, { attempt, signal })
      }
    }
  }

  async #afterFailure(
    id: TaskId,
    error: unknown,
    { attempt, signal }: { readonly attempt: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, log } = this.#parts
    if (!(error instanceof CaudalError) || error instanceof FatalError) {
      this.#failure =
        error instanceof CaudalError ? error : new FatalError(`task ${id} could not be taken: ${String(error)}`, { cause: error })
      this.#taking.get(id)?.abort()
      this.#parts.wake()
      return
    }
    if (error instanceof StoppedError) return
    log.warn({ task: id, error: error.message, attempt }, 'taking the task failed: trying again')
    if (error instanceof StoreFencedError) await this.#parts.heartbeat(signal)
    await clock.sleep(Math.min(2000, 20 * 2 ** attempt), signal)
  }
}
