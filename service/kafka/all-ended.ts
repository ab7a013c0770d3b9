/** Requests side by side, none of which may still be under way when the next one is sent. */
import { FatalError, FencedError } from '../errors.ts'

/** Resolves or rejects only when all have ended. @throws of several errors the one that decides what happens next */
export async function allEnded(calls: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(calls)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (failures.length > 0) throw gravest(failures)
}

function gravest(failures: readonly unknown[]): unknown {
  return (
    failures.find((error) => error instanceof FatalError) ?? failures.find((error) => error instanceof FencedError) ?? failures[0]
  )
}
