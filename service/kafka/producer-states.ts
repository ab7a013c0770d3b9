/** The life of a transactional producer, as a table of legal calls. */
import { FatalError } from '../errors.ts'

/**
 * ```
 *            initialise              produce                 commitOffsets
 *   new ───────────────────> ready ───────────> open ──┐ ──────────────────> positioned
 *    ▲                       ▲ ▲ │               │ ▲   │                          │
 *    │                       │ │ │ commitOffsets │ └───┘ produce                  │
 *    │                       │ │ └───────────────┼──────────> positioned          │
 *    │                       │ └── end(abort) ───┘                                │
 *    │                       ├──── end(commit), end(abort) ───────────────────────┘
 *    │                       │
 *    │                       └──── renew ──── failed      any error that only costs the transaction
 *    │                             renew ──── uncertain   the answer to end(commit) was lost
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

export const producerTransitions: Readonly<Record<ProducerCall, Transition>> = {
  initialise: { legal: ['new', 'ready', 'failed', 'uncertain', 'fenced'], to: 'ready' },
  renew: { legal: ['ready', 'open', 'positioned', 'failed', 'uncertain'], to: 'ready' },
  produce: { legal: ['ready', 'open'], to: 'open' },
  commitOffsets: { legal: ['ready', 'open'], to: 'positioned' },
  commit: { legal: ['positioned'], to: 'ready' },
  abort: { legal: ['ready', 'open', 'positioned'], to: 'ready' },
}

/** An abort after an error tidies up, but the way back to work is a new epoch only. */
const abortOfFailed: Transition = { legal: ['failed'], to: 'same' }

/** The state in which `call` leaves a producer that was in `state`. @throws FatalError when the call is illegal there: a bug of ours. */
export function afterCall(state: ProducerState, call: ProducerCall): ProducerState {
  const transition = call === 'abort' && state === 'failed' ? abortOfFailed : producerTransitions[call]
  if (!transition.legal.includes(state)) {
    throw new FatalError(`${call} is illegal while the transactional producer is ${state}`, { fields: { call, state } })
  }
  return transition.to === 'same' ? state : transition.to
}
