/** Waiting for a state backend that is away: for as long as the task is wanted (P15). */
import { StoppedError, StoreUnavailableError } from '../errors.ts'
import type { TakingContext } from './taking-context.ts'

/** Makes the call again while the backend doesn't answer. `fields` say in the log what waits. @throws StoppedError when aborted */
export async function untilAvailable<T>(
  { clock, log, progress, signal }: TakingContext,
  fields: Readonly<Record<string, unknown>>,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    progress()
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      if (attempt === 0) log.warn({ ...fields, error: error.message }, 'the state backend is away: waiting for it')
      await clock.sleep(Math.min(1000, 50 * 2 ** attempt), signal)
    }
  }
  throw new StoppedError('the wait for the state backend was given up')
}
