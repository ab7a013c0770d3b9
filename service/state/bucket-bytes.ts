/** A bucket as bytes: 8, big-endian, the sign bit flipped, so that they sort as the times do (DESIGN, state). */
import { FatalError } from '../errors.ts'

const bucketLength = 8
const half = 2 ** 32
const signBit = 0x80000000

/** Any whole number of ms that is below 2^63, either side of 1970. @throws FatalError for another */
export function bucketBytes(time: number): Buffer {
  if (!Number.isInteger(time) || Math.abs(time) >= 2 ** 63)
    throw new FatalError(`Defect in caudal: ${time} is no time of a bucket.`, { fields: { time } })
  const bytes = Buffer.allocUnsafe(bucketLength)
  const high = Math.floor(time / half)
  bytes.writeUInt32BE((high ^ signBit) >>> 0, 0)
  bytes.writeUInt32BE(time - high * half, 4)
  return bytes
}

/** The inverse of `bucketBytes`. @throws FatalError for bytes that are no bucket */
export function bucketTime(bytes: Buffer): number {
  if (bytes.length !== bucketLength)
    throw new FatalError(`A store has a bucket of ${bytes.length} bytes.`, { fields: { bucket: bytes.toString('hex') } })
  return (bytes.readUInt32BE(0) ^ signBit) * half + bytes.readUInt32BE(4)
}
