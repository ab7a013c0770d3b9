/** A worker's questions to the supervisor: send a heartbeat now, and say what was answered (P4, P12). */
import type { FromWorker } from './seam.ts'

export type HeartbeatAnswer = 'ok' | 'lost' | 'fenced-instance'

export class HeartbeatRequests {
  readonly #post: (message: FromWorker) => void
  readonly #waiting: ((answer: HeartbeatAnswer) => void)[] = []

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  /** Resolves with the answer to a heartbeat that was sent after this call. */
  ask(): Promise<HeartbeatAnswer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#post({ kind: 'heartbeat?' })
    })
  }

  /** Each answer of the supervisor belongs to the oldest question. */
  answered(answer: HeartbeatAnswer): void {
    this.#waiting.shift()?.(answer)
  }

  /** Nobody will answer any more. */
  close(): void {
    for (const resolve of this.#waiting.splice(0)) resolve('lost')
  }
}
