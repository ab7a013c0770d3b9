/** Frees what an open transaction of a dead writer holds back, in milliseconds instead of its time-out (P9). */
import type { Clock } from '../clock.ts'
import { StoppedError } from '../errors.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { fenceTransaction, openTransactions } from '../kafka/hanging-transactions.ts'
import type { Log } from '../log.ts'
import type { HeldBack } from './held-back.ts'
import { transactionalIdPrefix } from '../topology/names.ts'

/** Markers land some milliseconds after EndTxn: nothing is looked into before this has passed. */
export const patienceMs = 100
/** Who waits for a live writer may wait for the whole time-out of a transaction: brokers are not asked more often than this. */
const lookEveryMsMax = 1000
/** So long a transaction counts as open after it was asked for. */
const knownForMsMax = 2000

/** When to look into what holds a partition back: after a while in which nothing came, then less and less often. */
export class Patience {
  readonly #clock: Clock
  #due = 0
  #pauseMs = patienceMs

  constructor(clock: Clock) {
    this.#clock = clock
    this.renew()
  }

  /** Something came. */
  renew(): void {
    this.#pauseMs = patienceMs
    this.#due = this.#clock.monotonic() + patienceMs
  }

  /** True where it is time, and then not again for a pause that doubles. */
  runsOut(): boolean {
    const now = this.#clock.monotonic()
    if (now < this.#due) return false
    this.#due = now + this.#pauseMs
    this.#pauseMs = Math.min(lookEveryMsMax, 2 * this.#pauseMs)
    return true
  }
}

export interface DeadWriterContext {
  readonly plan: { readonly application: string }
  /** Of this very worker. */
  readonly transactionalIds: readonly string[]
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Log
  readonly progress: () => void
  readonly liveIds: () => readonly string[]
  /** Aborted: nobody waits for what is held back any more. */
  readonly signal: AbortSignal
}

interface Stuck {
  readonly topic: string
  readonly partition: number
  readonly patience: Patience
  /** A changelog of the task being taken: whoever else writes there is dead to it. */
  readonly ownChangelog: boolean
  /** Tells whose transactions are waited for. */
  readonly behind?: HeldBack
}

/** True where a writer was fenced: what was read before is old, so that the task must be taken from its first step again. */
export async function freeFromDeadWriters(context: DeadWriterContext, stuck: Stuck): Promise<boolean> {
  if (!stuck.patience.runsOut()) return false
  const { cluster, clock, progress, signal } = context
  const limits = { progress, signal }
  const begin = clock.monotonic()
  const prefix = transactionalIdPrefix(context.plan.application)
  let fenced = false
  const open = await openTransactions(cluster, stuck.topic, stuck.partition, limits)
  stuck.behind?.by(open)
  // An answer that was long on its way says nothing of what is open now: the writer may be alive, and in its next transaction.
  const isOld = () => clock.monotonic() - begin > knownForMsMax
  for (const { transactionalId, state } of open) {
    if (state !== 'Ongoing' || transactionalId === null || context.transactionalIds.includes(transactionalId)) continue
    const isDead = () => transactionalId.startsWith(prefix) && !context.liveIds().includes(transactionalId)
    if (!isDead() && !stuck.ownChangelog) continue
    // Given up meanwhile: the transaction may be that of the next owner.
    if (signal.aborted || isOld()) return fenced
    // Or it came back to life while its coordinator was looked for.
    const guard = () => {
      if (signal.aborted || isOld() || (!isDead() && !stuck.ownChangelog))
        throw new StoppedError(`${transactionalId} may be alive again`)
    }
    context.log.warn(
      { transactionalId, topic: stuck.topic, partition: stuck.partition },
      'fencing the open transaction of a dead writer',
    )
    try {
      await fenceTransaction(cluster, transactionalId, { ...limits, guard })
    } catch (error) {
      if (error instanceof StoppedError) return fenced
      throw error
    }
    fenced = true
  }
  return fenced
}
