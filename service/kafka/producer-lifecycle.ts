/** The life of a transactional producer: a table of legal calls, and the guard that keeps a producer to it. */
import { type CaudalError, FatalError, FencedError, LostError, RetakeError } from '../errors.ts'
import { errorCode } from './wire/error-codes.ts'

/**
 * ```
 *            initialise              produce                 commitOffsets
 *   new ───────────────────> ready ───────────> open ──┐ ──────────────────> positioned
 *    ▲                       ▲ ▲ │               │ ▲   │                          │
 *    │                       │ │ │ commitOffsets │ └───┘ produce                  │
 *    │                       │ │ └───────────────┼──────────> positioned          │
 *    │                       │ └────── abort ────┘                                │
 *    │                       ├──────── commit, abort ─────────────────────────────┘
 *    │                       │
 *    │                       └──── renew ──── failed      any error that only costs the transaction
 *    │                             renew ──── uncertain   the answer to a commit was lost
 *    └── initialise ──────────────────────── fenced       another producer took the transactional id
 * ```
 * Nothing leads from `failed` or `uncertain` to work but a new epoch (P3, P4); nothing is produced after the positions (P5);
 * nothing is committed without them (P2).
 */
export type ProducerState = 'new' | 'ready' | 'open' | 'positioned' | 'failed' | 'uncertain' | 'fenced'
export type ProducerCall = 'initialise' | 'renew' | 'produce' | 'commitOffsets' | 'commit' | 'abort'

interface Transition {
  readonly legal: readonly ProducerState[]
  /** The state after success; `same` where it stays what it was. */
  readonly to: ProducerState | 'same'
}

const transitions: Readonly<Record<ProducerCall, Transition>> = {
  initialise: { legal: ['new', 'ready', 'failed', 'uncertain', 'fenced'], to: 'ready' },
  renew: { legal: ['ready', 'open', 'positioned', 'failed', 'uncertain'], to: 'ready' },
  produce: { legal: ['ready', 'open'], to: 'open' },
  commitOffsets: { legal: ['ready', 'open'], to: 'positioned' },
  commit: { legal: ['positioned'], to: 'ready' },
  abort: { legal: ['ready', 'open', 'positioned'], to: 'ready' },
}

export class ProducerLifecycle {
  #state: ProducerState = 'new'
  #underWay: ProducerCall | null = null

  get state(): ProducerState {
    return this.#state
  }

  /** Carries a call out and enters the state that its outcome leads to. @throws FatalError for one that is illegal here, or overlaps another: a bug of ours. */
  async run<T>(call: ProducerCall, work: () => Promise<T>): Promise<T> {
    const before = this.#state
    const next = afterSuccess(before, call)
    if (this.#underWay !== null)
      throw new FatalError(`${call} while ${this.#underWay} is under way: requests of a transaction follow one another`)
    this.#underWay = call
    try {
      const result = await work()
      this.#state = next
      return result
    } catch (error) {
      this.#state = afterFailure(before, call, error)
      throw error
    } finally {
      this.#underWay = null
    }
  }
}

/** An abort after an error tidies up, but the way back to work is a new epoch only. */
const abortOfFailed: Transition = { legal: ['failed'], to: 'same' }

/** The state in which a call that succeeds leaves a producer. @throws FatalError when the call is illegal. */
function afterSuccess(state: ProducerState, call: ProducerCall): ProducerState {
  const transition = call === 'abort' && state === 'failed' ? abortOfFailed : transitions[call]
  if (!transition.legal.includes(state)) {
    throw new FatalError(`${call} is illegal while the transactional producer is ${state}`, { fields: { call, state } })
  }
  return transition.to === 'same' ? state : transition.to
}

function afterFailure(state: ProducerState, call: ProducerCall, error: unknown): ProducerState {
  if (error instanceof FencedError) return 'fenced'
  // Without an identity of its own a producer can't renew, so that a failed start stays one.
  if (call === 'initialise' || state === 'uncertain') return state
  // A guard that threw sent nothing; all else that befalls a commit leaves its outcome open, for a retake to learn.
  const isUndecided = call === 'commit' && !(error instanceof LostError) && !isRefusal(error)
  return isUndecided ? 'uncertain' : 'failed'
}

/** The coordinator said that it will not: the transaction is not committed. */
function isRefusal(error: unknown): boolean {
  const code = (error as CaudalError).fields?.['errorCode']
  return error instanceof RetakeError && code === errorCode.INVALID_TXN_STATE
}
