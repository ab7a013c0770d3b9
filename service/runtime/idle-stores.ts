/** Stores to which nothing happens are confirmed once in a while: what is idle for long is not out of date for that (P13). */
import type { ApplyQueue } from '../commit/apply-queue.ts'
import type { Task } from './task.ts'

/** So often, and soon after a store was taken at its end. Far below half of any sensible `delete.retention.ms`. */
const confirmEveryMs = 3_600_000

/**
 * To be called between batches: a task that has nothing to apply, and has not committed since, is alone in writing to its changelogs, so
 * that they still end where its stores stand. The backend checks that no one else has taken them over.
 * @param now monotonic, ms
 */
export function confirmIdleStores(tasks: readonly Task[], queue: ApplyQueue, now: number): void {
  for (const store of tasks.flatMap(({ stores }) => stores)) {
    const { view, handle, position } = store
    if (now - store.currentAt < confirmEveryMs || queue.lag(handle).since !== null) continue
    queue.enqueue({ view, handle, from: position, to: position, writes: [], reserved: 0 })
    store.currentAt = now
  }
}
