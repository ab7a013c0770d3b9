/** One store partition of the stand-in for Redis: what is under one hash tag, and what the scripts do with it. */
import { chunkBytesMax, type EntryKey, type Marker, type ScanPage, type StoreWrite } from './store-backend.ts'
import { type Fenced, type Lost, markerText, scriptCode } from './store-scripts.ts'

/** What is under one hash tag, named as in Redis. */
export interface Partition {
  m: Map<string, string>
  k: Map<string, Buffer>
  x: Set<string>
  /** By hex digits of the bucket. */
  b: Map<string, Map<string, Buffer>>
}

/** As `acquire-store.lua`: why the store can't be trusted; null where it can. */
export function distrust({ m, k, x }: Partition, topicId: string): string | null {
  if (!m.has('epoch') || !m.has('marker')) return 'nothing is there'
  if (m.get('topic') !== topicId) return `it follows another changelog topic: ${m.get('topic') ?? 'none'}`
  if (m.get('marker') === 'rebuilding') return 'an earlier rebuild did not end'
  if (!m.has('leaderEpoch') || !m.has('at')) return 'it does not say when it was current'
  return countDefect({ m, k, x })
}

/** As `check-store.lua`, which stands before all scripts; with null any marker will do. */
export function defectOf(store: Partition, epoch: string, markers: readonly Marker[] | null): Fenced | Lost | null {
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

/** As the scripts that read from buckets or write to them go on. */
export function bucketDefect(store: Partition, names: ReadonlySet<string>): Lost | null {
  for (const name of names) {
    const known = store.m.get(`b:${name}`)
    const found = store.b.get(name)?.size ?? 0
    if (known !== undefined && known !== String(found)) return lost(store, `bucket ${name} has ${found} entries, not ${known}`)
  }
  return null
}

/** Whoever acquires the store next looks at no bucket: the verdict has to stand there, or it would be trusted again and again. */
export function lost({ m }: Partition, reason: string): Lost {
  m.set('marker', 'rebuilding')
  return { code: scriptCode.LOST, reason }
}

/** By hex digits. */
export const bucketNames = (keys: readonly Pick<EntryKey, 'bucket'>[]): ReadonlySet<string> =>
  new Set(keys.flatMap(({ bucket }) => (bucket === null ? [] : [bucket.toString('hex')])))

/** A bucket that meta does not know is empty, whatever is found under its name. */
export function entriesIn({ m, k, b }: Partition, bucket: Buffer | null): ReadonlyMap<string, Buffer> {
  if (bucket === null) return k
  const name = bucket.toString('hex')
  return (m.has(`b:${name}`) ? b.get(name) : undefined) ?? new Map<string, Buffer>()
}

export const valueOf = (store: Partition, { bucket, key }: EntryKey): Buffer | undefined =>
  entriesIn(store, bucket).get(key.toString('latin1'))

/**
 * As HSCAN: by places that keys hash to, so that no key is missed for what is added and deleted around it. Each page begins with the last
 * place of the one before, as HSCAN may repeat a key too.
 */
export function pageOf(entries: ReadonlyMap<string, Buffer>, cursor: string | null, entriesMax: number): ScanPage {
  const from = cursor === null ? -1 : Number(cursor)
  const rest = [...entries].map(([key, value]) => ({ key, value, place: placeOf(key) })).filter(({ place }) => place >= from)
  rest.sort((a, b) => a.place - b.place)
  let [end, news, bytes] = [0, 0, 0]
  for (let last = -1; end < rest.length; end++) {
    const { key, value, place } = rest[end]!
    if (place !== last && (news >= entriesMax || bytes >= chunkBytesMax)) break
    last = place
    news += place > from ? 1 : 0
    bytes += key.length + value.length
  }
  return {
    entries: rest.slice(0, end).map(({ key, value }) => ({ key: Buffer.from(key, 'latin1'), value: Buffer.from(value) })),
    cursor: end === rest.length ? null : String(rest[end - 1]?.place),
  }
}

/** FNV-1a, 32 bits. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** One write, without a look at the counts. */
export function put(store: Partition, { bucket, key, value }: StoreWrite): void {
  let entries = store.k
  if (bucket !== null) {
    const name = bucket.toString('hex')
    entries = store.b.get(name) ?? new Map<string, Buffer>()
    store.b.set(name, entries)
  }
  if (value === null) entries.delete(key.toString('latin1'))
  else entries.set(key.toString('latin1'), Buffer.from(value))
}

/** Counts a bucket that was written to, or forgets an empty one. */
export function settleBucket(store: Partition, name: string): void {
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

/** Shares nothing that changes. */
export function copyAll(partitions: ReadonlyMap<string, Partition>): Map<string, Partition> {
  const copy = ({ m, k, x, b }: Partition): Partition => ({
    m: new Map(m),
    k: new Map(k),
    x: new Set(x),
    b: new Map([...b].map(([name, entries]) => [name, new Map(entries)])),
  })
  return new Map([...partitions].map(([name, partition]) => [name, copy(partition)]))
}

/** Bytes that the caller may keep. */
export const copyOf = (bytes: Buffer | undefined): Buffer | null => (bytes === undefined ? null : Buffer.from(bytes))
