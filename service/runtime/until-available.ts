/** Waiting for a state backend that is away: for as long as the task is wanted (P15). */
import { StoppedError, StoreUnavailableError } from '../errors.ts'
import type { TaskId } from '../task-id.ts'
import { storeAway } from './store-waits.ts'
import type { TakingContext } from './taking-context.ts'

/** Makes the call again while the backend doesn't answer. `what` waits for it. @throws StoppedError when aborted */
export async function untilAvailable<T>(
  { clock, log, progress, signal, waits }: TakingContext,
  what: { readonly store: string; readonly task: TaskId },
  call: () => Promise<T>,
): Promise<T> {
  const wait = waits.for('store', what.task)
  try {
    for (let attempt = 0; !signal.aborted; attempt++) {
      progress()
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        if (attempt === 0) log.warn({ ...what, error: error.message }, 'the state backend is away: waiting for it')
        wait.tell(storeAway(what.store, error))
        await clock.sleep(Math.min(1000, 50 * 2 ** attempt), signal)
      }
    }
  } finally {
    wait.end()
  }
  throw new StoppedError('the wait for the state backend was given up')
}
