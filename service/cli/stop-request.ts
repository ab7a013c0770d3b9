/** Turns signals and time limits into one wish to stop, and a second signal, or a stop that takes too long, into an end at once. */
import type { Parts } from './parts.ts'

export interface StopRequest {
  /** Aborted when a stop is asked for. */
  readonly signal: AbortSignal
  ask(): void
  /** Signals have their usual effect again. */
  release(): void
}

/** Beyond `shutdownTimeoutMs`, which bounds the workers' part of a stop: for what is stopped around them. */
const graceMs = 5_000

export function stopRequest(
  parts: Pick<Parts, 'clock' | 'onSignal' | 'exit' | 'terminal'>,
  shutdownTimeoutMs: number,
): StopRequest {
  const stop = new AbortController()
  const over = new AbortController()
  const force = (why: string) => {
    parts.terminal.complain(`caudal: ${why}; what was not committed will be done again at the next start`)
    parts.exit(1)
  }
  const ask = () => {
    if (stop.signal.aborted) return
    stop.abort()
    const limitMs = shutdownTimeoutMs + graceMs
    void parts.clock.sleep(limitMs, over.signal).then(() => {
      if (!over.signal.aborted)
        force(`not stopped within ${limitMs} ms (shutdownTimeoutMs ${shutdownTimeoutMs}), so ended at once`)
    })
  }
  const unsubscribe = parts.onSignal(() => (stop.signal.aborted ? force('ended at once by a second signal') : ask()))
  return {
    signal: stop.signal,
    ask,
    release: () => {
      over.abort()
      unsubscribe()
    },
  }
}
