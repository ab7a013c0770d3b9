/** The store backend in memory: restored from the changelog at each acquisition, gone with the process. */
import { StoreFencedError, StoreLostError } from '../errors.ts'
import { EntryTable } from './entry-table.ts'
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

class MemoryHandle implements StoreHandle {
  readonly id: StoreId
  readonly marker = null
  readonly untrusted = 'it is kept in memory'
  readonly found = null
  #fenced = false
  #at: Marker | null = null
  /** By bucket (hex digits; '' for the keyed entries). */
  readonly #entries = new EntryTable()

  constructor(id: StoreId) {
    this.id = id
  }

  fence(): void {
    this.#fenced = true
    this.#entries.clear()
  }

  async load(at: Marker, keys: readonly EntryKey[], orAt: Marker = at): Promise<readonly (Buffer | null)[]> {
    this.#check([at, orAt])
    return keys.map(({ bucket, key }) => this.#entries.get(nameOf(bucket), key))
  }

  /** All of them at once: they are in memory anyway. */
  async counts(at: Marker, after: Buffer | null): Promise<CountPage> {
    this.#check([at])
    const least = nameOf(after)
    const names = this.#entries.buckets().filter((name) => name > least)
    const buckets = names.sort().map((name) => ({ bucket: Buffer.from(name, 'hex'), entries: this.#entries.size(name) }))
    return { keyed: this.#entries.size(''), buckets }
  }

  async scan(at: Marker, { bucket, cursor, entriesMax }: ScanRange, orAt: Marker = at): Promise<ScanPage> {
    this.#check([at, orAt])
    return this.#entries.scan(nameOf(bucket), cursor, entriesMax, chunkBytesMax)
  }

  async apply({ from, to, writes }: Chunk): Promise<void> {
    this.#check([from, to])
    if (this.#at !== null && isSame(this.#at, to)) return
    for (const write of writes) this.#write(write)
    this.#at = to
  }

  applyRecords(from: Marker, to: number, hand: (take: TakeRecord) => void): void {
    this.#check([from])
    hand((bucket, block, key, keyEnd, value, valueEnd) => {
      if (value === null) this.#entries.delete(bucket, block, key, keyEnd)
      else this.#entries.set(bucket, block, key, keyEnd, block, value, valueEnd)
    })
    this.#at = { position: to, chunk: 0 }
  }

  async confirm(at: Marker): Promise<void> {
    this.#check([at])
  }

  async rebuild(position: number): Promise<void> {
    this.#check(null)
    this.#entries.clear()
    this.#at = { position, chunk: 0 }
  }

  #write({ bucket, key, value }: StoreWrite): void {
    if (value === null) this.#entries.delete(nameOf(bucket), key, 0, key.length)
    else this.#entries.set(nameOf(bucket), key, 0, key.length, value, 0, value.length)
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
