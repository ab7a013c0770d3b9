/** Keys and writes as one argument of a script: a client's cost is by argument, so that thousands of them would cost more than Redis does. */
import type { EntryKey, StoreWrite } from './store-backend.ts'

export interface Packed {
  readonly packed: Buffer
  /** The buckets that occur, as hex digits, in the order of the targets 1, 2, … in `packed`. */
  readonly buckets: readonly string[]
}

/** Of each key its target (2 bytes: 0 the keyed entries, n the n-th bucket), its length (4 bytes, big-endian) and its bytes. */
export function packKeys(keys: readonly EntryKey[]): Packed {
  let size = 0
  for (const { key } of keys) size += 6 + key.length
  const packed = Buffer.allocUnsafe(size)
  const targets = new Targets()
  let at = 0
  for (const { bucket, key } of keys) {
    at = packed.writeUInt16BE(targets.of(bucket), at)
    at = putBytes(packed, at, key)
  }
  return { packed, buckets: targets.names() }
}

/** Of each write its target and key as above, and its value likewise; a deletion has the length −1. */
export function packWrites(writes: readonly StoreWrite[]): Packed {
  let size = 0
  for (const { key, value } of writes) size += 10 + key.length + (value?.length ?? 0)
  const packed = Buffer.allocUnsafe(size)
  const targets = new Targets()
  let at = 0
  for (const { bucket, key, value } of writes) {
    at = packed.writeUInt16BE(targets.of(bucket), at)
    at = putBytes(packed, at, key)
    if (value === null) at = packed.writeInt32BE(-1, at)
    else at = putBytes(packed, at, value)
  }
  return { packed, buckets: targets.names() }
}

class Targets {
  readonly #numbers = new Map<string, number>()
  /** Neighbours mostly have one bucket, and then one object. */
  #last: Buffer | null = null
  #lastNumber = 0

  of(bucket: Buffer | null): number {
    if (bucket === null) return 0
    if (bucket === this.#last) return this.#lastNumber
    const name = bucket.toString('hex')
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#numbers.size + 1
      this.#numbers.set(name, number)
    }
    this.#last = bucket
    this.#lastNumber = number
    return number
  }

  names(): readonly string[] {
    return [...this.#numbers.keys()]
  }
}

/** Bytes behind their length, which is how both a key and a value that is there begin. */
function putBytes(target: Buffer, at: number, bytes: Buffer): number {
  const start = target.writeInt32BE(bytes.length, at)
  target.set(bytes, start)
  return start + bytes.length
}
