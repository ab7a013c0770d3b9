/** Decoded records as columns: numbers in typed arrays, keys and values as ranges of the blocks that they arrived in. */
import { VarintCursor } from './varint-cursor.ts'

declare global {
  interface Buffer {
    // Node's own, without the checks of toString('latin1', start, end): a third of the cost of a short key.
    latin1Slice(start: number, end: number): string
  }
}

/** The fields of `places`, `stride` numbers a record. A length of -1 stands for null. */
export const place = { block: 0, keyStart: 1, keyLength: 2, valueStart: 3, valueLength: 4, headers: 5 } as const
export const stride = 6

const noHeaders: readonly (readonly [string, Buffer | null])[] = []

/** Filled by `decodeRecords`. Nothing is copied: keys, values and headers are views of the answer that they came in. */
export class RecordColumns {
  /** How many records there are; the arrays may be longer. */
  count = 0
  /** Bytes of all keys, values and headers, with the lengths in front of them. */
  byteLength = 0
  readonly offsets: Float64Array
  /** Milliseconds since 1970; -1 for none. */
  readonly timestamps: Float64Array
  readonly blocks: Buffer[] = []
  readonly places: Int32Array

  constructor(capacity: number) {
    this.offsets = new Float64Array(capacity)
    this.timestamps = new Float64Array(capacity)
    this.places = new Int32Array(capacity * stride)
  }

  /** Bytes of record `i`'s key, -1 for a null one. */
  keyLength(i: number): number {
    return this.at(i, place.keyLength)
  }

  /** Bytes of record `i`'s value, -1 for a null one. */
  valueLength(i: number): number {
    return this.at(i, place.valueLength)
  }

  key(i: number): Buffer | null {
    const length = this.keyLength(i)
    const start = this.at(i, place.keyStart)
    return length < 0 ? null : this.block(i).subarray(start, start + length)
  }

  value(i: number): Buffer | null {
    return this.valueLength(i) < 0 ? null : this.block(i).subarray(this.valueStart(i), this.valueEnd(i))
  }

  /** The key's bytes as a string with one character a byte: what state is looked up by. */
  keyLatin1(i: number): string | null {
    const length = this.keyLength(i)
    const start = this.at(i, place.keyStart)
    return length < 0 ? null : this.block(i).latin1Slice(start, start + length)
  }

  /** Where the key begins in the block of record `i`. */
  keyStart(i: number): number {
    return this.at(i, place.keyStart)
  }

  /** The block that holds record `i`: its value stands at `[valueStart(i), valueEnd(i))`. */
  valueBuffer(i: number): Buffer {
    return this.block(i)
  }

  valueStart(i: number): number {
    return this.at(i, place.valueStart)
  }

  /** Where the value ends; for a null value, where it starts. */
  valueEnd(i: number): number {
    return this.at(i, place.valueStart) + Math.max(0, this.at(i, place.valueLength))
  }

  hasHeaders(i: number): boolean {
    return this.block(i)[this.at(i, place.headers)] !== 0
  }

  /** The headers of record `i` in their order; a name may occur more than once. */
  headers(i: number): readonly (readonly [string, Buffer | null])[] {
    if (!this.hasHeaders(i)) return noHeaders
    const block = this.block(i)
    const cursor = new VarintCursor(block, this.at(i, place.headers))
    const headers: (readonly [string, Buffer | null])[] = []
    for (let left = cursor.int(); left > 0; left--) {
      const name = nextBytes(cursor) ?? emptyName
      headers.push([name.toString('utf8'), nextBytes(cursor)])
    }
    return headers
  }

  /** Byte `at` of the value of record `i`'s first header, read without taking the headers apart; −1 where there is none. */
  firstHeaderByte(i: number, at: number): number {
    if (!this.hasHeaders(i)) return -1
    const block = this.block(i)
    const cursor = new VarintCursor(block, this.at(i, place.headers))
    cursor.int()
    const name = Math.max(0, cursor.int())
    cursor.at += name
    const length = cursor.int()
    return at < length ? (block[cursor.at + at] ?? -1) : -1
  }

  private at(i: number, field: number): number {
    return this.places[i * stride + field] ?? 0
  }

  private block(i: number): Buffer {
    return this.blocks[this.at(i, place.block)] ?? emptyName
  }
}

const emptyName = Buffer.alloc(0)

function nextBytes(cursor: VarintCursor): Buffer | null {
  const length = cursor.int()
  if (length < 0) return null
  const start = cursor.at
  cursor.at += length
  return cursor.bytes.subarray(start, cursor.at)
}
