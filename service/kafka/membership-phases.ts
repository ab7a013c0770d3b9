/** The life of a group member, as a table of legal phases. */
import { FatalError } from '../errors.ts'

/**
 * ```
 *                    JoinGroup, SyncGroup            tasks taken away
 *   outside ──> joining ─────────────────> stable <─────────────────> revoking
 *      ▲           │ ▲                        │                          │
 *      │           │ └──── rebalance ─────────┘ <─ barrier: tasks given ─┘
 *      │           │                          │       up, join again
 *      └── lost ───┴──────────────────────────┴──── lost (unknown member, session over, no answer)
 *
 *   any ──> left (asked to) ; any ──> failed (an error that nothing here mends)
 * ```
 */
export type MembershipPhase = 'outside' | 'joining' | 'stable' | 'revoking' | 'left' | 'failed'

const next: Readonly<Record<MembershipPhase, readonly MembershipPhase[]>> = {
  outside: ['joining', 'left', 'failed'],
  joining: ['joining', 'stable', 'revoking', 'outside', 'left', 'failed'],
  stable: ['joining', 'outside', 'left', 'failed'],
  revoking: ['stable', 'outside', 'left', 'failed'],
  left: ['left'],
  failed: ['failed', 'left'],
}

/** The phase after `from`. @throws FatalError for a step that is not drawn: a bug of ours. */
export function enterPhase(from: MembershipPhase, to: MembershipPhase): MembershipPhase {
  if (!next[from].includes(to)) throw new FatalError(`A group member can't go from ${from} to ${to}`, { fields: { from, to } })
  return to
}
