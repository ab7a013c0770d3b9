/** The keys of changelog records: a shape byte, the bucket if there is one, then the bytes of the key as they arrived (DESIGN, state). */
import type { StoreWrite } from '../state/store-backend.ts'

/** The first byte of a key. */
export const recordShape = { progress: 0, keyed: 1, bucketed: 2 } as const
const { progress: progressShape, keyed: keyedShape, bucketed: bucketedShape } = recordShape
const bucketLength = 8

/** How many bytes stand before those of the key as it arrived. */
export const shapeLength = { keyed: 1, bucketed: 1 + bucketLength } as const

/** The reserved key of the progress record; it is no part of the fold. */
export const progressKey = Buffer.from([progressShape])

/** The changelog key of a write to a store; it is made once for each changed key, so without detours. */
export function changelogKey(bucket: Buffer | null, key: Buffer): Buffer {
  const prefix = 1 + (bucket?.length ?? 0)
  const bytes = Buffer.allocUnsafe(prefix + key.length)
  bytes[0] = bucket === null ? keyedShape : bucketedShape
  bucket?.copy(bytes, 1)
  key.copy(bytes, prefix)
  return bytes
}

/** What a changelog record says: a write to the store, or progress. @throws TypeError on a key of another shape */
export function parseChangelogRecord(key: Buffer | null, value: Buffer | null): StoreWrite | 'progress' {
  const shape = key?.[0]
  if (shape === progressShape) return 'progress'
  if (key && shape === keyedShape) return { bucket: null, key: key.subarray(1), value }
  if (key && shape === bucketedShape && key.length >= 1 + bucketLength) {
    return { bucket: key.subarray(1, 1 + bucketLength), key: key.subarray(1 + bucketLength), value }
  }
  throw new TypeError(
    `a changelog record has a key of unknown shape: ${key === null ? 'null' : key.subarray(0, 16).toString('hex')}`,
  )
}
