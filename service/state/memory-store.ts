/** The store backend in memory: restored from the changelog at each acquisition, gone with the process. */
import { StoreFencedError, StoreLostError } from '../errors.ts'
import {
  type Chunk,
  chunkBytesMax,
  type CountPage,
  type EntryKey,
  type Marker,
  type ScanPage,
  type ScanRange,
  type StoreBackend,
  type StoreHandle,
  type StoreId,
  type StoreWrite,
  type TakeRecord,
} from './store-backend.ts'
import { markerText } from './store-scripts.ts'

export class MemoryStoreBackend implements StoreBackend {
  readonly kind = 'memory'
  readonly durable = false
  readonly #handles = new Map<string, MemoryHandle>()

  acquire(id: StoreId): Promise<StoreHandle> {
    const name = `${id.application}:${id.store}:${id.partition}`
    this.#handles.get(name)?.fence()
    const handle = new MemoryHandle(id)
    this.#handles.set(name, handle)
    return Promise.resolve(handle)
  }

  close(): Promise<void> {
    this.#handles.clear()
    return Promise.resolve()
  }
}

/** A value. Short ones are text, one character a byte: the object of a Buffer alone takes some 200 bytes of the heap. */
type Kept = string | Buffer
const textBytesMax = 128

/** Shares no memory with `block`: of all that was fetched with it, one value that stays would keep the whole. */
function keptOf(block: Buffer, start: number, end: number): Kept {
  if (end - start <= textBytesMax) return block.latin1Slice(start, end)
  const own = Buffer.allocUnsafeSlow(end - start)
  block.copy(own, 0, start, end)
  return own
}
/** A copy: a codec may keep a view of the bytes that it decodes, and caches share nothing with the store (P14). */
const bytesOf = (kept: Kept): Buffer => (typeof kept === 'string' ? Buffer.from(kept, 'latin1') : Buffer.from(kept))

/** Goes through a bucket, or the keyed entries, along with what is added and deleted on the way. */
interface Scan {
  readonly cursor: string
  readonly rest: Iterator<[string, Kept]>
}

class MemoryHandle implements StoreHandle {
  readonly id: StoreId
  readonly marker = null
  readonly untrusted = 'it is kept in memory'
  readonly found = null
  #fenced = false
  #at: Marker | null = null
  /** By bucket (hex digits; '' for the keyed entries), then by key as Latin-1. */
  readonly #entries = new Map<string, Map<string, Kept>>()
  /** By bucket: where its last page ended. */
  readonly #scans = new Map<string, Scan>()
  #pages = 0
  constructor(id: StoreId) {
    this.id = id
  }

  fence(): void {
    this.#fenced = true
    this.#clear()
  }

  async load(at: Marker, keys: readonly EntryKey[], orAt: Marker = at): Promise<readonly (Buffer | null)[]> {
    this.#check([at, orAt])
    return keys.map(({ bucket, key }) => {
      const kept = this.#entries.get(nameOf(bucket))?.get(key.toString('latin1'))
      return kept === undefined ? null : bytesOf(kept)
    })
  }

  /** All of them at once: they are in memory anyway. */
  async counts(at: Marker, after: Buffer | null): Promise<CountPage> {
    this.#check([at])
    const least = nameOf(after)
    const names = [...this.#entries.keys()].filter((name) => name > least).sort()
    const sizeOf = (name: string): number => this.#entries.get(name)?.size ?? 0
    return { keyed: sizeOf(''), buckets: names.map((name) => ({ bucket: Buffer.from(name, 'hex'), entries: sizeOf(name) })) }
  }

  async scan(at: Marker, { bucket, cursor, entriesMax }: ScanRange, orAt: Marker = at): Promise<ScanPage> {
    this.#check([at, orAt])
    const name = nameOf(bucket)
    const { rest } = this.#scanOf(name, cursor)
    const entries: { key: Buffer; value: Buffer }[] = []
    let bytes = 0
    while (entries.length < entriesMax && bytes < chunkBytesMax) {
      const next = rest.next()
      if (next.done === true) {
        this.#scans.delete(name)
        return { entries, cursor: null }
      }
      const [key, value] = next.value
      entries.push({ key: Buffer.from(key, 'latin1'), value: bytesOf(value) })
      bytes += key.length + value.length
    }
    this.#pages += 1
    this.#scans.set(name, { cursor: String(this.#pages), rest })
    return { entries, cursor: String(this.#pages) }
  }

  async apply({ from, to, writes }: Chunk): Promise<void> {
    this.#check([from, to])
    if (this.#at !== null && isSame(this.#at, to)) return
    for (const write of writes) this.#write(write)
    this.#at = to
  }

  applyRecords(from: Marker, to: number, hand: (take: TakeRecord) => void): void {
    this.#check([from])
    hand((bucket, key, value, start, end) => this.#put(bucket, key, value === null ? null : keptOf(value, start, end)))
    this.#at = { position: to, chunk: 0 }
  }

  async confirm(at: Marker): Promise<void> {
    this.#check([at])
  }

  async rebuild(position: number): Promise<void> {
    this.#check(null)
    this.#clear()
    this.#at = { position, chunk: 0 }
  }

  #write({ bucket, key, value }: StoreWrite): void {
    this.#put(nameOf(bucket), key.toString('latin1'), value === null ? null : keptOf(value, 0, value.length))
  }

  #put(name: string, key: string, value: Kept | null): void {
    let entries = this.#entries.get(name)
    if (entries === undefined) {
      entries = new Map()
      this.#entries.set(name, entries)
    }
    if (value === null) entries.delete(key)
    else entries.set(key, value)
    if (entries.size > 0) return
    this.#entries.delete(name)
    this.#scans.delete(name)
  }

  /** With a cursor that is not that of the last page it begins anew, which a scan may: an entry may be in two pages. */
  #scanOf(name: string, cursor: string | null): Scan {
    const scan = this.#scans.get(name)
    if (scan !== undefined && scan.cursor === cursor) return scan
    const entries = this.#entries.get(name) ?? new Map<string, Kept>()
    return { cursor: '', rest: entries.entries() }
  }

  #clear(): void {
    this.#entries.clear()
    this.#scans.clear()
  }

  #check(expected: readonly Marker[] | null): void {
    const { store, partition } = this.id
    const at = this.#at
    if (this.#fenced)
      throw new StoreFencedError(`Store ${store} of partition ${partition} was taken over.`, { fields: { store, partition } })
    if (expected === null || (at !== null && expected.some((marker) => isSame(marker, at)))) return
    const reason = `it stands at ${at === null ? 'no marker' : markerText(at)}, not at ${expected.map(markerText).join(' or ')}`
    throw new StoreLostError(`Store ${store} of partition ${partition} is not what was left there: ${reason}.`, {
      fields: { store, partition, reason },
    })
  }
}

const nameOf = (bucket: Buffer | null): string => (bucket === null ? '' : bucket.toString('hex'))

const isSame = (a: Marker, b: Marker): boolean => a.position === b.position && a.chunk === b.chunk
