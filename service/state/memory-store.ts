/** The store backend in memory: restored from the changelog at each acquisition, gone with the process. */
import { StoreFencedError, StoreLostError } from '../errors.ts'
import type { Chunk, Marker, StoreBackend, StoreHandle, StoreId, StoreWrite } from './store-backend.ts'
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
  #fenced = false
  #at: Marker | null = null
  /** By bucket (hex digits; '' for the keyed entries), then by key as Latin-1. */
  readonly #entries = new Map<string, Map<string, Buffer>>()
  constructor(id: StoreId) {
    this.id = id
  }

  fence(): void {
    this.#fenced = true
    this.#entries.clear()
  }

  async load(at: Marker, keys: readonly Buffer[], orAt: Marker = at): Promise<readonly (Buffer | null)[]> {
    this.#check([at, orAt])
    const entries = this.#entries.get('')
    // Copies: a codec may keep a view of the bytes that it decodes, and caches share nothing with the store (P14).
    return keys.map((key) => copyOf(entries?.get(key.toString('latin1'))))
  }

  async apply({ from, to, writes }: Chunk): Promise<void> {
    this.#check([from, to])
    if (this.#at !== null && isSame(this.#at, to)) return
    for (const write of writes) this.#write(write)
    this.#at = to
  }

  async rebuild(position: number): Promise<void> {
    this.#check(null)
    this.#entries.clear()
    this.#at = { position, chunk: 0 }
  }

  #write({ bucket, key, value }: StoreWrite): void {
    const name = bucket === null ? '' : bucket.toString('hex')
    let entries = this.#entries.get(name)
    if (entries === undefined) {
      entries = new Map()
      this.#entries.set(name, entries)
    }
    if (value === null) entries.delete(key.toString('latin1'))
    else entries.set(key.toString('latin1'), value)
    if (entries.size === 0) this.#entries.delete(name)
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

const isSame = (a: Marker, b: Marker): boolean => a.position === b.position && a.chunk === b.chunk

const copyOf = (bytes: Buffer | undefined): Buffer | null => (bytes === undefined ? null : Buffer.from(bytes))
