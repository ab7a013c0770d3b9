/** What taking a task needs of its worker. */
import type { Clock } from '../clock.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Fetcher } from '../kafka/fetcher.ts'
import type { AskLimits } from '../kafka/leader-requests.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { StoreBackend } from '../state/store-backend.ts'
import type { Plan } from '../topology/plan.ts'
import type { FromWorker, Membership } from './seam.ts'
import type { Waits } from './waits.ts'

export interface TakingContext {
  readonly plan: Plan
  readonly group: string
  /** Of this very worker. */
  readonly transactionalIds: readonly string[]
  readonly cluster: Cluster
  readonly clock: Clock
  readonly backend: StoreBackend
  /** Reads changelogs, apart from the input. */
  readonly changelogs: Fetcher
  readonly log: Log
  readonly metrics: Metrics
  readonly post: (message: FromWorker) => void
  readonly waits: Waits
  readonly progress: () => void
  /** Ends the taking: the task was revoked, the membership lost, or the worker stops. */
  readonly signal: AbortSignal
  /** @throws LostError while the worker is no member */
  readonly membership: () => Membership
  readonly liveIds: () => readonly string[]
}

/** Each attempt to ask Kafka is progress, and none is made any more for a task that was given up (P15, P17). */
export const limitsOf = ({ progress, signal }: Pick<TakingContext, 'progress' | 'signal'>): AskLimits => ({ progress, signal })
