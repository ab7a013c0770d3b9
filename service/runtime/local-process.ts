/** One process of caudal inside this thread: supervisor, membership and worker on a given wire; for the driver and the simulation. */
import { cut } from '../batch/cutting.ts'
import type { RegistryAddress } from '../codec/prepared.ts'
import type { Clock } from '../clock.ts'
import type { Wire } from '../kafka/wire/wire.ts'
import { type Log, silentLog } from '../log.ts'
import { type Metrics, noMetrics } from '../metrics.ts'
import type { StoreBackend } from '../state/store-backend.ts'
import { type MembershipSettings, openSeat } from './open-seat.ts'
import type { Rows } from './running.ts'
import type { Prepared } from './start-up.ts'
import { Supervisor } from './supervisor.ts'
import type { Trigger } from './trigger.ts'
import { localChannel } from './worker-channel.ts'
import type { WorkerParts, WorkerSettings } from './worker-parts.ts'

export interface LocalProcessParts extends Prepared {
  readonly clock: Clock
  /** Connections of this process' own, or of each of its workers, as threads have them; closing them is its death. */
  readonly wire: Wire | ((worker: number) => Wire)
  readonly openBackend: (worker: number) => StoreBackend
  readonly openTrigger: () => Trigger
  readonly settings: WorkerSettings
  /** Null: dynamic membership, under a random transactional id. */
  readonly instanceId: string | null
  readonly membership: MembershipSettings
  readonly shutdownTimeoutMs: number
  readonly workers?: number
  readonly cut?: WorkerParts['cut']
  readonly registry?: RegistryAddress | null
  readonly outside?: (work: Promise<void>) => void
  readonly log?: Log
  readonly metrics?: Metrics
  readonly onRows?: (rows: Rows) => void
}

const nothing = () => {}

/** A supervisor whose workers run in this thread. */
export function localProcess(parts: LocalProcessParts): Supervisor {
  const { plan, topics, tables, clock, settings, membership, log = silentLog, metrics = noMetrics } = parts
  return new Supervisor({
    workers: parts.workers ?? 1,
    clock,
    log,
    shutdownTimeoutMs: parts.shutdownTimeoutMs,
    watchEveryMs: Math.max(100, membership.batchTimeoutMs / 4),
    openSeat: (worker, fail) => {
      const wire = typeof parts.wire === 'function' ? parts.wire(worker) : parts.wire
      return openSeat(
        {
          ...parts,
          wire,
          log,
          onRows: parts.onRows ?? nothing,
          openChannel: (ids, flags, receive) => {
            const { registry = null, outside } = parts
            const registries = outside === undefined ? { registry } : { registry, outside }
            const own = { backend: parts.openBackend(worker), trigger: parts.openTrigger(), cut: parts.cut ?? cut, ...registries }
            const given = { plan, topics, tables, ids, settings, wire, clock, log, metrics, flags, ...own }
            return localChannel(given, receive, () => wire.close())
          },
        },
        worker,
        fail,
      )
    },
  })
}
