/** How a task of a worker comes and goes: taken over from whoever had it, opened with all that it works with, closed. */
import type { ApplyQueue } from '../commit/apply-queue.ts'
import { LostError } from '../errors.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { Fetcher, type FetcherOptions } from '../kafka/fetcher.ts'
import { compileTask } from '../operators/compile.ts'
import { KeyKinds } from '../operators/key-kinds.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import type { EntryCache } from '../state/entry-cache.ts'
import { StateView } from '../state/state-view.ts'
import { parseTaskId, type TaskId } from '../task-id.ts'
import { storeFingerprint } from '../topology/fingerprint.ts'
import { sourceOf } from '../topology/plan.ts'
import type { MembershipView } from './membership-view.ts'
import type { PrintedRows } from './printed-rows.ts'
import { slotClockOf } from './slot-clocks.ts'
import { type TakenTask, takeTask } from './taking.ts'
import type { TakingContext } from './taking-context.ts'
import { Task, type TaskStore } from './task.ts'
import { Timekeeper } from './timekeeper.ts'
import type { Waits } from './waits.ts'
import type { WorkerParts } from './worker-parts.ts'

/** Short, as the long polls of several takings stand behind one another on a connection. */
const restoreWaitMs = 20

/** What all tasks of a worker share. */
export interface TaskLifeOptions {
  readonly parts: WorkerParts
  readonly cluster: Cluster
  readonly fetcher: Fetcher
  /** As of `fetcher`: each taking has a fetcher of its own. */
  readonly fetching: Omit<FetcherOptions, 'purpose'>
  readonly queue: ApplyQueue
  readonly cache: EntryCache
  readonly outputs: OutputBuffer
  readonly printed: PrintedRows
  readonly membership: MembershipView
  readonly waits: Waits
}

export class TaskLife {
  readonly #options: TaskLifeOptions

  constructor(options: TaskLifeOptions) {
    this.#options = options
  }

  /** Each taking reads changelogs by itself: one that was given up must not be in the way of the next. `signal` gives it up. */
  async take(id: TaskId, signal: AbortSignal): Promise<TakenTask> {
    const changelogs = new Fetcher({ ...this.#options.fetching, maxWaitMs: restoreWaitMs, purpose: 'restore' })
    try {
      return await takeTask(this.#takingContext(changelogs, signal), id)
    } finally {
      await changelogs.close()
    }
  }

  #takingContext(changelogs: Fetcher, signal: AbortSignal): TakingContext {
    const { parts, cluster, membership, waits } = this.#options
    const { plan, ids, clock, backend, log, metrics, post, flags } = parts
    return {
      plan,
      group: ids.group,
      transactionalIds: ids.transactionalIds,
      cluster,
      clock,
      backend,
      changelogs,
      log,
      metrics,
      post,
      waits,
      progress: () => flags.advance(),
      signal,
      membership: () => {
        const { current } = membership
        if (current === null) throw new LostError('no member of the group at the moment')
        return current.membership
      },
      liveIds: () => membership.liveIds,
    }
  }

  /** From now on it reads its input. */
  open(taken: TakenTask): Task {
    const { parts, fetcher, cache, outputs, printed } = this.#options
    const { plan, clock, settings, metrics, post, tables } = parts
    const { subtopology: number, partition } = parseTaskId(taken.id)
    const subtopology = plan.graph.subtopologies[number]
    if (subtopology === undefined) throw new RangeError(`no sub-topology ${number}`)
    const stores = taken.stores.map(({ spec, handle, counts, ...restored }): TaskStore => {
      const view = new StateView({ spec, cache, strict: settings.strict })
      view.attach(handle, restored.position, counts)
      const names = { name: spec.name, fingerprint: storeFingerprint(spec), partition }
      return { ...restored, ...names, view, handle, lastOffset: -1, leaderEpoch: -1 }
    })
    const feeds = taken.positions.map(({ topic, partition, position }) =>
      fetcher.add(topic, partition, position, sourceOf(plan, topic)?.onDeleted),
    )
    const time = Timekeeper.of(plan, taken, { feeds, now: clock.monotonic() })
    const slots = slotClockOf(plan, taken)
    const keyKinds = new KeyKinds(plan.graph.ids, taken.progress?.keyKinds ?? {})
    const views = new Map(stores.map(({ name, view }) => [name, view]))
    const pipeline = compileTask(subtopology, {
      partition,
      plan,
      views,
      tables,
      outputs,
      metrics,
      print: (rows) => printed.add(rows),
      keyKinds,
      time,
      slots: slots ?? undefined,
    })
    post({ kind: 'running', task: taken.id })
    return new Task(taken, { feeds, pipeline, stores, time, slots, keyKinds })
  }

  close(task: Task): void {
    const { fetcher, queue } = this.#options
    for (const feed of task.feeds) fetcher.remove(feed)
    for (const { view, handle } of task.stores) {
      queue.release(handle)
      view.discard()
    }
  }
}
