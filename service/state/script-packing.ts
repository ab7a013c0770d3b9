/** Keys and writes as one argument of a script: a client's cost is by argument, so that thousands of them would cost more than Redis does. */
import type { StoreWrite } from './store-backend.ts'

/** Of each key its length (4 bytes, big-endian) and its bytes. */
export function packKeys(keys: readonly Buffer[]): Buffer {
  let size = 0
  for (const key of keys) size += 4 + key.length
  const packed = Buffer.allocUnsafe(size)
  let at = 0
  for (const key of keys) at = putBytes(packed, at, key)
  return packed
}

export interface PackedWrites {
  readonly packed: Buffer
  /** The buckets that occur, as hex digits, in the order of the targets 1, 2, … in `packed`. */
  readonly buckets: readonly string[]
}

/** Of each write its target (2 bytes: 0 the keyed entries, n the n-th bucket), key, and value; a deletion has the length −1. */
export function packWrites(writes: readonly StoreWrite[]): PackedWrites {
  let size = 0
  for (const { key, value } of writes) size += 10 + key.length + (value?.length ?? 0)
  const packed = Buffer.allocUnsafe(size)
  const targets = new Map<string, number>()
  let at = 0
  for (const { bucket, key, value } of writes) {
    at = packed.writeUInt16BE(bucket === null ? 0 : targetOf(bucket, targets), at)
    at = putBytes(packed, at, key)
    if (value === null) at = packed.writeInt32BE(-1, at)
    else at = putBytes(packed, at, value)
  }
  return { packed, buckets: [...targets.keys()] }
}

function targetOf(bucket: Buffer, targets: Map<string, number>): number {
  const name = bucket.toString('hex')
  const known = targets.get(name)
  if (known !== undefined) return known
  targets.set(name, targets.size + 1)
  return targets.size
}

/** Bytes behind their length, which is how both a key and a value that is there begin. */
function putBytes(target: Buffer, at: number, bytes: Buffer): number {
  const start = target.writeInt32BE(bytes.length, at)
  target.set(bytes, start)
  return start + bytes.length
}
