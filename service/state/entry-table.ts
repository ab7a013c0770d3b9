/**
 * The entries of a store in memory, by bucket and key: a hash table of numbers, whose bytes are in pages. A million entries are some
 * dozens of objects, where maps of strings would be millions that the collector has to trace, and to copy while they are young.
 */
import { EntryPages } from './entry-pages.ts'
import { HashIndex } from './hash-index.ts'
import type { ScanPage } from './store-backend.ts'

interface Bucket {
  readonly number: number
  size: number
  /** The entry that was added last: new ones stand before it, out of the way of a scan. */
  first: number
  /** Where the page of its last scan ended. */
  scan: { readonly cursor: string; next: number } | null
}

/** The numbers of an entry, `stride` of them. */
const field = { page: 0, at: 1, keyLength: 2, bucket: 3, next: 4, previous: 5 } as const
const stride = 6
const none = -1
const capacityMin = 16

export class EntryTable {
  #fields = new Int32Array(capacityMin * stride)
  readonly #index = new HashIndex()
  /** All numbers of entries below were given once. */
  #end = 0
  /** The first of a list of numbers that can be given again, along `next`. */
  #free = none
  #pagesOfScans = 0
  readonly #pages = new EntryPages((entry, page, at) => {
    this.#fields[entry * stride + field.page] = page
    this.#fields[entry * stride + field.at] = at
  })
  readonly #buckets = new Map<string, Bucket>()
  #bucketsEver = 0
  /** Numbers of buckets that can be given again. */
  readonly #freeBuckets: number[] = []

  /** Of the bucket; 0 where there is none. */
  size(bucket: string): number {
    return this.#buckets.get(bucket)?.size ?? 0
  }

  /** Bytes of all keys and values, with what is garbage among them. */
  get byteLength(): number {
    return this.#pages.byteLength
  }

  /** The names of those that hold anything. */
  buckets(): readonly string[] {
    return [...this.#buckets.keys()]
  }

  /** A copy of the value; null where there is none. */
  get(bucket: string, key: Buffer): Buffer | null {
    const of = this.#buckets.get(bucket)
    if (of === undefined) return null
    const slot = this.#find(of, hashOf(of.number, key, 0, key.length), key, 0, key.length)
    return slot === none ? null : this.#valueOf(this.#index.numberAt(slot))
  }

  /** Key and value are copied. */
  set(bucket: string, key: Buffer, keyStart: number, keyEnd: number, value: Buffer, start: number, end: number): void {
    const of = this.#buckets.get(bucket) ?? this.#newBucket(bucket)
    const hash = hashOf(of.number, key, keyStart, keyEnd)
    const keyLength = keyEnd - keyStart
    const slot = this.#find(of, hash, key, keyStart, keyEnd)
    const entry = slot === none ? this.#newEntry(of, keyLength) : this.#index.numberAt(slot)
    if (slot === none) {
      this.#index.add(hash, entry)
      this.#pages.add(entry, key, keyStart, keyEnd, end - start)
    } else if (!this.#pages.fits(this.#of(entry, field.page), this.#of(entry, field.at), keyLength, end - start)) {
      this.#pages.remove(this.#of(entry, field.page), this.#of(entry, field.at))
      this.#pages.add(entry, key, keyStart, keyEnd, end - start)
    }
    this.#pages.setValue(this.#of(entry, field.page), this.#of(entry, field.at), keyLength, value, start, end)
  }

  delete(bucket: string, key: Buffer, keyStart: number, keyEnd: number): void {
    const of = this.#buckets.get(bucket)
    if (of === undefined) return
    const slot = this.#find(of, hashOf(of.number, key, keyStart, keyEnd), key, keyStart, keyEnd)
    if (slot === none) return
    const entry = this.#index.numberAt(slot)
    this.#index.remove(slot)
    this.#unlink(of, entry)
    this.#pages.remove(this.#of(entry, field.page), this.#of(entry, field.at))
    this.#put(entry, field.next, this.#free)
    this.#free = entry
    if (of.size > 0) return
    this.#buckets.delete(bucket)
    this.#freeBuckets.push(of.number)
  }

  /**
   * Some of the entries of a bucket; with a cursor that is not that of the last page, from the first one on. Those that come on the way
   * are not in it, those that go need not be.
   */
  scan(bucket: string, cursor: string | null, entriesMax: number, bytesMax: number): ScanPage {
    const of = this.#buckets.get(bucket)
    if (of === undefined) return { entries: [], cursor: null }
    let entry = of.scan?.cursor === cursor ? of.scan.next : of.first
    const entries: { key: Buffer; value: Buffer }[] = []
    for (let bytes = 0; entry !== none && entries.length < entriesMax && bytes < bytesMax; ) {
      const key = this.#pages.key(this.#of(entry, field.page), this.#of(entry, field.at), this.#of(entry, field.keyLength))
      const value = this.#valueOf(entry)
      entries.push({ key, value })
      bytes += key.length + value.length
      entry = this.#of(entry, field.next)
    }
    this.#pagesOfScans += 1
    of.scan = entry === none ? null : { cursor: String(this.#pagesOfScans), next: entry }
    return { entries, cursor: of.scan?.cursor ?? null }
  }

  clear(): void {
    this.#fields = new Int32Array(capacityMin * stride)
    this.#index.clear()
    this.#end = 0
    this.#free = none
    this.#pages.clear()
    this.#buckets.clear()
    this.#bucketsEver = 0
    this.#freeBuckets.length = 0
  }

  /** Its slot in the index. */
  #find({ number }: Bucket, hash: number, key: Buffer, keyStart: number, keyEnd: number): number {
    for (let slot = this.#index.first(hash); slot !== none; slot = this.#index.next(hash, slot)) {
      const entry = this.#index.numberAt(slot)
      if (this.#of(entry, field.bucket) !== number || this.#of(entry, field.keyLength) !== keyEnd - keyStart) continue
      if (this.#pages.hasKey(this.#of(entry, field.page), this.#of(entry, field.at), key, keyStart, keyEnd)) return slot
    }
    return none
  }

  #valueOf(entry: number): Buffer {
    return this.#pages.value(this.#of(entry, field.page), this.#of(entry, field.at), this.#of(entry, field.keyLength))
  }

  #newBucket(name: string): Bucket {
    const number = this.#freeBuckets.pop() ?? this.#bucketsEver++
    const bucket = { number, size: 0, first: none, scan: null }
    this.#buckets.set(name, bucket)
    return bucket
  }

  #newEntry(bucket: Bucket, keyLength: number): number {
    let entry = this.#free
    if (entry !== none) this.#free = this.#of(entry, field.next)
    else {
      entry = this.#end
      this.#end += 1
      if (this.#end * stride > this.#fields.length) this.#grow()
    }
    this.#put(entry, field.keyLength, keyLength)
    this.#put(entry, field.bucket, bucket.number)
    this.#put(entry, field.next, bucket.first)
    this.#put(entry, field.previous, none)
    if (bucket.first !== none) this.#put(bucket.first, field.previous, entry)
    bucket.first = entry
    bucket.size += 1
    return entry
  }

  #unlink(bucket: Bucket, entry: number): void {
    const [previous, next] = [this.#of(entry, field.previous), this.#of(entry, field.next)]
    if (previous === none) bucket.first = next
    else this.#put(previous, field.next, next)
    if (next !== none) this.#put(next, field.previous, previous)
    // A scan goes on behind what was deleted.
    if (bucket.scan?.next === entry) bucket.scan.next = next
    bucket.size -= 1
  }

  #grow(): void {
    const fields = new Int32Array(2 * this.#fields.length)
    fields.set(this.#fields)
    this.#fields = fields
  }

  #of(entry: number, which: number): number {
    return this.#fields[entry * stride + which] ?? none
  }

  #put(entry: number, which: number, value: number): void {
    this.#fields[entry * stride + which] = value
  }
}

/** FNV-1a, 32 bits, with its high bits mixed into the low ones, which choose a slot. */
function hashOf(bucket: number, key: Buffer, start: number, end: number): number {
  let hash = Math.imul(bucket ^ 0x811c9dc5, 0x01000193)
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (key[i] ?? 0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
