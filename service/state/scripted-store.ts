/**
 * A stand-in for Redis: the scripts in the process, with the faults of a store that outlives it. For the simulation and tests;
 * it passes the conformance suite of the port.
 */
import type { Clock } from '../clock.ts'
import { StoreUnavailableError } from '../errors.ts'
import { ScriptBackend } from './script-backend.ts'
import {
  bucketDefect,
  bucketNames,
  copyAll,
  copyOf,
  defectOf,
  distrust,
  entriesIn,
  lost,
  pageOf,
  type Partition,
  put,
  settleBucket,
  valueOf,
} from './scripted-partition.ts'
import { chunkEntriesMax, type CountPage, type ScanPage, type StoreId } from './store-backend.ts'
import {
  type Acquired,
  type AcquireRequest,
  type Answer,
  type ApplyRequest,
  type ConfirmRequest,
  type CountRequest,
  type Foreign,
  type LoadRequest,
  markerText,
  parseMarker,
  type RebuildRequest,
  type ScanRequest,
  scriptCode,
  type StoreScripts,
} from './store-scripts.ts'

/** Where a call fails: not at all, before it takes effect, or after it (the answer is lost). */
export type CallFault = 'none' | 'before' | 'after'
export type ScriptName = 'acquire' | 'load' | 'counts' | 'scan' | 'apply' | 'confirm' | 'rebuild'
export type KeyName = 'm' | 'k' | 'x'

export class ScriptedStore implements StoreScripts {
  /** Asked once a call. */
  fault: (script: ScriptName, id: StoreId) => CallFault = () => 'none'
  /** The size of pages, where they are not to be as large as they may. */
  pageMax = chunkEntriesMax
  /** Its own, as that of Redis is. */
  readonly #clock: Clock
  #partitions = new Map<string, Partition>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `clock`: that of the process which uses it. */
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
  /** HDEL of one field of the keyed entries, or of those of a bucket, by somebody else. */
  loseEntry(id: StoreId, key: Buffer, bucket: Buffer | null = null): void {
    const { k, b } = this.#partition(id)
    const entries = bucket === null ? k : b.get(bucket.toString('hex'))
    entries?.delete(key.toString('latin1'))
  }
  /** HDEL of one field of what is known of the store. */
  loseField(id: StoreId, field: string): void {
    this.#partition(id).m.delete(field)
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
  bucketEntries(id: StoreId): ReadonlyMap<string, ReadonlyMap<string, Buffer>> {
    return this.#partition(id).b
  }

  /** The buckets, by their hex digits, whose loss nobody has met with yet. */
  lossesOf(id: StoreId): ReadonlySet<string> {
    const { m, b } = this.#partition(id)
    const known = [...m].flatMap(([field, count]) => (field.startsWith('b:') ? [{ name: field.slice(2), count }] : []))
    return new Set(known.filter(({ name, count }) => String(b.get(name)?.size ?? 0) !== count).map(({ name }) => name))
  }

  acquire(id: StoreId, { nonce, topicId, kind }: AcquireRequest): Promise<Acquired | Foreign> {
    return this.#call('acquire', id, (store): Acquired | Foreign => {
      const { m } = store
      const held = m.get('kind')
      if (kind !== undefined && (held ?? kind) !== kind) return { kind: held ?? '' }
      const epoch = `${Number(/^(\d+):/.exec(m.get('epoch') ?? '')?.[1] ?? 0) + 1}:${nonce}`
      const reason = distrust(store, topicId)
      m.set('epoch', epoch)
      if (kind !== undefined) m.set('kind', kind)
      const marker = reason === null ? parseMarker(m.get('marker') ?? '') : null
      if (marker !== null) {
        const found = { leaderEpoch: Number(m.get('leaderEpoch')), ageMs: this.#clock.now() - Number(m.get('at')) }
        return { epoch, marker, found, reason: null }
      }
      m.set('marker', 'rebuilding').set('topic', topicId)
      return { epoch, marker, found: null, reason: reason ?? 'its marker can not be read' }
    })
  }

  load(id: StoreId, { epoch, at, orAt, keys }: LoadRequest): Promise<Answer<readonly (Buffer | null)[]>> {
    return this.#call('load', id, (store) => {
      const defect = defectOf(store, epoch, [at, orAt]) ?? bucketDefect(store, bucketNames(keys))
      return defect ?? { code: scriptCode.OK, value: keys.map((key) => copyOf(valueOf(store, key))) }
    })
  }

  counts(id: StoreId, { epoch, at, after }: CountRequest): Promise<Answer<CountPage>> {
    return this.#call('counts', id, (store) => {
      const least = after?.toString('hex') ?? ''
      const names = [...store.x].filter((name) => name > least).sort()
      const page = names.slice(0, this.pageMax)
      const uncounted = page.find((name) => !store.m.has(`b:${name}`))
      const reason = `the number of entries of bucket ${uncounted} is unknown`
      const defect = defectOf(store, epoch, [at]) ?? (uncounted === undefined ? null : lost(store, reason))
      const sizeOf = (name: string) => ({ bucket: Buffer.from(name, 'hex'), entries: Number(store.m.get(`b:${name}`)) })
      return defect ?? { code: scriptCode.OK, value: { keyed: store.k.size, buckets: page.map(sizeOf) } }
    })
  }

  scan(id: StoreId, { epoch, at, orAt, bucket, cursor, entriesMax }: ScanRequest): Promise<Answer<ScanPage>> {
    return this.#call('scan', id, (store) => {
      const defect = defectOf(store, epoch, [at, orAt]) ?? bucketDefect(store, bucketNames([{ bucket }]))
      const entries = entriesIn(store, bucket)
      return defect ?? { code: scriptCode.OK, value: pageOf(entries, cursor, Math.min(entriesMax, this.pageMax)) }
    })
  }

  apply(id: StoreId, { epoch, from, to, writes, leaderEpoch, agoMs }: ApplyRequest): Promise<Answer<null>> {
    return this.#call('apply', id, (store) => {
      const touched = bucketNames(writes)
      const defect = defectOf(store, epoch, [from, to]) ?? bucketDefect(store, touched)
      if (defect !== null) return defect
      if (store.m.get('marker') === markerText(to)) return { code: scriptCode.OK, value: null }
      for (const name of touched) if (!store.m.has(`b:${name}`)) store.b.delete(name)
      for (const write of writes) put(store, write)
      for (const name of touched) settleBucket(store, name)
      if (leaderEpoch !== null) store.m.set('leaderEpoch', String(leaderEpoch))
      if (agoMs !== null) store.m.set('at', String(this.#clock.now() - agoMs))
      store.m.set('marker', markerText(to))
      store.m.set('entries', String(store.k.size)).set('buckets', String(store.x.size))
      return { code: scriptCode.OK, value: null }
    })
  }

  confirm(id: StoreId, { epoch, at, agoMs }: ConfirmRequest): Promise<Answer<null>> {
    return this.#call('confirm', id, (store) => {
      const defect = defectOf(store, epoch, [at])
      if (defect !== null) return defect
      store.m.set('at', String(this.#clock.now() - agoMs))
      return { code: scriptCode.OK, value: null }
    })
  }

  rebuild(id: StoreId, { epoch, position, leaderEpoch }: RebuildRequest): Promise<Answer<null>> {
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
        .set('leaderEpoch', String(leaderEpoch))
        .set('at', String(this.#clock.now()))
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
