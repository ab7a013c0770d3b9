/**
 * A stand-in for Redis: the four scripts in the process, with the faults of a store that outlives it. For the simulation and tests;
 * it passes the conformance suite of the port.
 */
import type { Clock } from '../clock.ts'
import { StoreUnavailableError } from '../errors.ts'
import { ScriptBackend } from './script-backend.ts'
import type { Marker, StoreId, StoreWrite } from './store-backend.ts'
import {
  type Acquired,
  type AcquireRequest,
  type Answer,
  type ApplyRequest,
  type Fenced,
  type LoadRequest,
  type Lost,
  markerText,
  parseMarker,
  type RebuildRequest,
  scriptCode,
  type StoreScripts,
} from './store-scripts.ts'

/** What is under one hash tag, named as in Redis. */
interface Partition {
  m: Map<string, string>
  k: Map<string, Buffer>
  x: Set<string>
  /** By hex digits of the bucket. */
  b: Map<string, Map<string, Buffer>>
}

/** Where a call fails: not at all, before it takes effect, or after it (the answer is lost). */
export type CallFault = 'none' | 'before' | 'after'
export type ScriptName = 'acquire' | 'load' | 'apply' | 'rebuild'
export type KeyName = 'm' | 'k' | 'x'

export class ScriptedStore implements StoreScripts {
  /** Asked once a call. */
  fault: (script: ScriptName, id: StoreId) => CallFault = () => 'none'
  #partitions = new Map<string, Partition>()

  backend(clock: Clock): ScriptBackend {
    return new ScriptBackend('scripted', this, clock)
  }

  /** FLUSHALL. */
  loseEverything(): void {
    this.#partitions.clear()
  }
  /** DEL of one key. */
  loseKey(id: StoreId, key: KeyName): void {
    this.#partition(id)[key].clear()
  }
  /** HDEL of one field of the keyed entries, by somebody else. */
  loseEntry(id: StoreId, key: Buffer): void {
    this.#partition(id).k.delete(key.toString('latin1'))
  }
  /** DEL of a bucket, named by its hex digits. */
  loseBucket(id: StoreId, bucket: string): void {
    this.#partition(id).b.delete(bucket)
  }
  /** The whole contents; `restore` sets the store back to them, as a failover to a lagging replica does. */
  snapshot(): { readonly restore: () => void } {
    const held = copyAll(this.#partitions)
    return { restore: () => void (this.#partitions = copyAll(held)) }
  }
  /** The keyed entries, key as Latin-1. */
  entries(id: StoreId): ReadonlyMap<string, Buffer> {
    return this.#partition(id).k
  }
  /** By hex digits of the bucket, its entries. */
  buckets(id: StoreId): ReadonlyMap<string, ReadonlyMap<string, Buffer>> {
    return this.#partition(id).b
  }

  acquire(id: StoreId, { nonce, topicId, now }: AcquireRequest): Promise<Acquired> {
    return this.#call('acquire', id, (store) => {
      const { m } = store
      const epoch = `${Number(/^(\d+):/.exec(m.get('epoch') ?? '')?.[1] ?? 0) + 1}:${nonce}`
      const reason = distrust(store, topicId)
      m.set('epoch', epoch)
      if (reason === null) return { epoch, marker: parseMarker(m.get('marker') ?? ''), reason }
      m.set('marker', 'rebuilding').set('topic', topicId).set('at', String(now))
      return { epoch, marker: null, reason }
    })
  }

  load(id: StoreId, { epoch, at, orAt, keys }: LoadRequest): Promise<Answer<readonly (Buffer | null)[]>> {
    return this.#call('load', id, (store) => {
      const defect = defectOf(store, epoch, [at, orAt])
      return defect ?? { code: scriptCode.OK, value: keys.map((key) => copyOf(store.k.get(key.toString('latin1')))) }
    })
  }

  apply(id: StoreId, { epoch, from, to, writes, now }: ApplyRequest): Promise<Answer<null>> {
    return this.#call('apply', id, (store) => {
      const touched = new Set(writes.flatMap(({ bucket }) => (bucket === null ? [] : [bucket.toString('hex')])))
      const defect = defectOf(store, epoch, [from, to]) ?? bucketDefect(store, touched)
      if (defect !== null) return defect
      if (store.m.get('marker') === markerText(to)) return { code: scriptCode.OK, value: null }
      for (const name of touched) if (!store.m.has(`b:${name}`)) store.b.delete(name)
      for (const write of writes) put(store, write)
      for (const name of touched) settleBucket(store, name)
      store.m.set('marker', markerText(to)).set('at', String(now))
      store.m.set('entries', String(store.k.size)).set('buckets', String(store.x.size))
      return { code: scriptCode.OK, value: null }
    })
  }

  rebuild(id: StoreId, { epoch, position, now }: RebuildRequest): Promise<Answer<null>> {
    return this.#call('rebuild', id, (store) => {
      const defect = defectOf(store, epoch, null)
      if (defect !== null) return defect
      for (const name of [...store.m.keys()].filter((field) => field.startsWith('b:'))) {
        store.b.delete(name.slice(2))
        store.m.delete(name)
      }
      for (const name of store.x) store.b.delete(name)
      store.k.clear()
      store.x.clear()
      store.m
        .set('marker', markerText({ position, chunk: 0 }))
        .set('at', String(now))
        .set('entries', '0')
        .set('buckets', '0')
      return { code: scriptCode.OK, value: null }
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #call<T>(script: ScriptName, id: StoreId, effect: (store: Partition) => T): Promise<T> {
    const fault = this.fault(script, id)
    const result = fault === 'before' ? null : { value: effect(this.#partition(id)) }
    if (result !== null && fault === 'none') return result.value
    const fields = { store: id.store, partition: id.partition, script, fault }
    throw new StoreUnavailableError(`The store did not run ${script}: failed ${fault} its effect.`, { fields })
  }

  #partition({ application, store, partition }: StoreId): Partition {
    const name = `${application}:${store}:${partition}`
    let held = this.#partitions.get(name)
    if (held === undefined) {
      held = { m: new Map(), k: new Map(), x: new Set(), b: new Map() }
      this.#partitions.set(name, held)
    }
    return held
  }
}

/** As `acquire-store.lua`: why the store can't be trusted; null where it can. */
function distrust({ m, k, x }: Partition, topicId: string): string | null {
  if (!m.has('epoch') || !m.has('marker')) return 'nothing is there'
  if (m.get('topic') !== topicId) return `it follows another changelog topic: ${m.get('topic') ?? 'none'}`
  if (m.get('marker') === 'rebuilding') return 'an earlier rebuild did not end'
  return countDefect({ m, k, x })
}

/** As all scripts but the first begin; with null any marker will do. */
function defectOf(store: Partition, epoch: string, markers: readonly Marker[] | null): Fenced | Lost | null {
  const found = store.m.get('epoch')
  if (found === undefined) return { code: scriptCode.LOST, reason: 'nothing is there' }
  if (found !== epoch) return { code: scriptCode.FENCED, epoch: found }
  if (markers === null) return null
  const marker = store.m.get('marker') ?? 'no marker'
  const expected = markers.map(markerText)
  const reason = expected.includes(marker) ? countDefect(store) : `it stands at ${marker}, not at ${expected.join(' or ')}`
  return reason === null ? null : { code: scriptCode.LOST, reason }
}

function countDefect({ m, k, x }: Pick<Partition, 'm' | 'k' | 'x'>): string | null {
  if (m.get('entries') !== String(k.size)) return `it has ${k.size} entries, not ${m.get('entries') ?? 'unknown'}`
  if (m.get('buckets') !== String(x.size)) return `it has ${x.size} buckets, not ${m.get('buckets') ?? 'unknown'}`
  return null
}

function bucketDefect({ m, b }: Partition, names: ReadonlySet<string>): Lost | null {
  for (const name of names) {
    const known = m.get(`b:${name}`)
    const found = b.get(name)?.size ?? 0
    if (known !== undefined && known !== String(found))
      return { code: scriptCode.LOST, reason: `bucket ${name} has ${found} entries, not ${known}` }
  }
  return null
}

function put(store: Partition, { bucket, key, value }: StoreWrite): void {
  let entries = store.k
  if (bucket !== null) {
    const name = bucket.toString('hex')
    entries = store.b.get(name) ?? new Map<string, Buffer>()
    store.b.set(name, entries)
  }
  if (value === null) entries.delete(key.toString('latin1'))
  else entries.set(key.toString('latin1'), Buffer.from(value))
}

function settleBucket(store: Partition, name: string): void {
  const count = store.b.get(name)?.size ?? 0
  if (count > 0) {
    store.x.add(name)
    store.m.set(`b:${name}`, String(count))
    return
  }
  store.b.delete(name)
  store.x.delete(name)
  store.m.delete(`b:${name}`)
}

function copyAll(partitions: ReadonlyMap<string, Partition>): Map<string, Partition> {
  const copy = ({ m, k, x, b }: Partition): Partition => ({
    m: new Map(m),
    k: new Map(k),
    x: new Set(x),
    b: new Map([...b].map(([name, entries]) => [name, new Map(entries)])),
  })
  return new Map([...partitions].map(([name, partition]) => [name, copy(partition)]))
}

const copyOf = (bytes: Buffer | undefined): Buffer | null => (bytes === undefined ? null : Buffer.from(bytes))
