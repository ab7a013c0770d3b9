/** One store partition that is restored as a worker does it, from a changelog that a test writes by hand. */
import assert from 'node:assert/strict'
import { changelogKey } from '../../../service/commit/changelog-record.ts'
import { float64 } from '../../../service/index.ts'
import { Fetcher } from '../../../service/kafka/fetcher.ts'
import { RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { type Log, silentLog } from '../../../service/log.ts'
import { noMetrics } from '../../../service/metrics.ts'
import { type RestoredStore, restoreStore } from '../../../service/runtime/restoring.ts'
import { Waits } from '../../../service/runtime/waits.ts'
import { bucketBytes } from '../../../service/state/bucket-bytes.ts'
import { EntryCache } from '../../../service/state/entry-cache.ts'
import { StateView } from '../../../service/state/state-view.ts'
import type { StoreBackend, StoreHandle } from '../../../service/state/store-backend.ts'
import { application, type ProcessBed } from '../../support/process-bed.ts'

export const changelog = 'app-total-changelog'
const store = { application, store: 'total', partition: 0 }
const spec = { name: 'total', shape: 'bucketed', codec: float64() } as const

/** A record of the changelog: an entry of a bucket, or with null a keyed one; without a value its deletion. */
export function append(bed: ProcessBed, time: number | null, key: string, value: number | null): void {
  const batch = new RecordBatchBuilder(128)
  const bucket = time === null ? null : bucketBytes(time)
  batch.append(changelogKey(bucket, Buffer.from(key)), value === null ? null : float64().encode(value), bed.clock.now())
  const nobody = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false } as const
  bed.kafka.append(changelog, 0, batch.finish({ ...nobody, compression: 'none' }))
}

export interface Restored {
  readonly view: StateView
  readonly handle: StoreHandle
  readonly result: RestoredStore
  /** Why it was built anew; null where it was not. */
  readonly rebuilt: string | null
}

export interface RestoreOptions {
  /** As the offset metadata names it. */
  readonly lastOffset?: number
  /** How much is fetched, and applied, at a time. */
  readonly partitionBytesMax?: number
}

/** What a worker does to take it: restored, and seen through a view. */
export async function restored(bed: ProcessBed, backend: StoreBackend, options: RestoreOptions = {}): Promise<Restored> {
  const { lastOffset, partitionBytesMax = 1 << 18 } = options
  const { cluster, clock } = bed
  const limits = { maxWaitMs: 20, partitionBytesMax, readAheadBytesMax: 1 << 20 }
  const changelogs = new Fetcher({ cluster, clock, isolation: 'read_committed', ...limits })
  let rebuilt: string | null = null
  const log: Log = { ...silentLog, warn: (fields) => void (rebuilt = String(fields['reason'])) }
  const silent = { log, metrics: noMetrics, post: () => {}, progress: () => {} }
  const nothing = { group: application, transactionalIds: ['app.me.0'], waits: new Waits(clock), ...silent }
  const member = { liveIds: () => [], membership: () => assert.fail(), signal: new AbortController().signal }
  const context = { plan: bed.prepared.plan, cluster, clock, backend, changelogs, ...nothing, ...member }
  const handle = await backend.acquire(store, (await cluster.topics([changelog])).get(changelog)?.id ?? '')
  const restoring = restoreStore(context, { id: '0_0', spec, handle, lastOffset })
  const over = () => changelogs.close()
  restoring.then(over, over)
  const result = await bed.during(restoring)
  assert.ok(result !== 'again')
  const view = new StateView({ spec, cache: new EntryCache(1e6), strict: true })
  view.attach(handle, result.position, result.counts)
  view.beginBatch()
  return { view, handle, result, rebuilt }
}
