/** Views over the stand-in for Redis, and what the apply queue does to them, for the tests of this folder. */
import { systemClock } from '../../../service/clock.ts'
import { EntryCache } from '../../../service/state/entry-cache.ts'
import { countEntries } from '../../../service/state/entry-counts.ts'
import { ScriptedStore } from '../../../service/state/scripted-store.ts'
import { StateView } from '../../../service/state/state-view.ts'
import type { StoreHandle, StoreId, StoreWrite } from '../../../service/state/store-backend.ts'
import type { StoreSpec } from '../../../service/topology/node.ts'

export const id: StoreId = { application: 'app', store: 's', partition: 0 }
export const json: StoreSpec['codec'] = {
  name: 'json',
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(bytes.toString()) as unknown,
}

export interface ViewOptions {
  readonly codec?: StoreSpec['codec']
  readonly shape?: StoreSpec['shape']
  readonly bytesMax?: number
  readonly strict?: boolean
}

export async function setUp({ codec = json, shape = 'keyed', bytesMax = 1e9, strict = false }: ViewOptions = {}) {
  const store = new ScriptedStore(systemClock)
  const handle = await store.backend(systemClock).acquire(id, 'topic')
  await handle.rebuild(0)
  const cache = new EntryCache(bytesMax)
  const view = new StateView({ spec: { name: 's', shape, codec }, cache, strict })
  view.attach(handle, 0)
  view.beginBatch()
  return { store, handle, cache, view }
}

/** What the apply queue does, in one step. */
export async function apply(view: StateView, handle: StoreHandle, writes: readonly StoreWrite[]): Promise<void> {
  const to = { position: view.marker.position + 1, chunk: 0 }
  view.sending(to)
  await handle.apply({ from: view.marker, to, writes })
  view.moved(to)
  view.applied(writes)
}

/** The view forgets all, and begins anew with what the store holds. */
export async function restart(view: StateView, handle: StoreHandle): Promise<void> {
  const { marker } = view
  view.discard()
  view.attach(handle, marker.position, await countEntries(handle, marker))
  view.beginBatch()
}

/** Sets entries of a bucket in the batch under way, and returns its writes. */
export async function fill(
  view: StateView,
  time: number,
  values: Readonly<Record<string, unknown>>,
): Promise<readonly StoreWrite[]> {
  const entries = Object.keys(values).map((key) => view.bucket(time).entry(key))
  await view.load()
  for (const entry of entries) view.set(entry, values[entry.key], 1)
  return view.takeChanges()
}

/** `count` values by keys of one length. */
export const numbered = (count: number): Readonly<Record<string, number>> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index).padStart(5, '0')}`, index]))
