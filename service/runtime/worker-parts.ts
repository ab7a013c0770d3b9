/** What a worker is made of: chosen by the composition root, or by the driver and the simulation. */
import type { cut } from '../batch/cutting.ts'
import type { RegistryAddress } from '../codec/prepared.ts'
import type { Clock } from '../clock.ts'
import type { Compression } from '../kafka/records/compression.ts'
import type { Wire } from '../kafka/wire/wire.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Tables } from '../operators/compile-parts.ts'
import type { StoreBackend } from '../state/store-backend.ts'
import type { Plan } from '../topology/plan.ts'
import type { FromWorker, SharedFlags } from './seam.ts'
import type { TopicFact } from './topic-facts.ts'
import type { Trigger } from './trigger.ts'

export interface WorkerSettings {
  readonly batchRecordsMax: number
  readonly batchBytesMax: number
  readonly readAheadBytesMax: number
  readonly fetchPartitionBytesMax: number
  readonly fetchWaitMs: number
  readonly transactionTimeoutMs: number
  readonly cacheBytesMax: number
  readonly applyQueueBytesMax: number
  readonly compression: Compression
  /** Encodes and decodes every state at every batch and freezes it: for tests. */
  readonly strict: boolean
}

/** The identity of one worker. */
export interface WorkerIds {
  readonly worker: number
  readonly group: string
  /** More than one take turns (P6). */
  readonly transactionalIds: readonly [string, ...string[]]
}

export interface WorkerParts {
  readonly plan: Plan
  readonly ids: WorkerIds
  readonly settings: WorkerSettings
  /** Of every topic that the topology names, and of its own. */
  readonly topics: ReadonlyMap<string, TopicFact>
  readonly tables: Tables
  readonly wire: Wire
  readonly backend: StoreBackend
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly flags: SharedFlags
  readonly trigger: Trigger
  /** The schema registry of codecs that name none. */
  readonly registry: RegistryAddress | null
  /** Told of what is under way outside of this process; for the driver, whose clock must not run ahead of it. */
  readonly outside?: (work: Promise<void>) => void
  /** How records are taken from what was fetched ahead; the driver takes them in the order of sending. */
  readonly cut: typeof cut
  readonly post: (message: FromWorker) => void
}
