/** Whole numbers of 64 bits, as Java's LongSerializer writes them. */
import type { Codec } from './codec.ts'
import { fixedLength } from './fixed-length.ts'

const codec = fixedLength<bigint>('int64', 8, {
  read: (buffer, at) => buffer.readBigInt64BE(at),
  write: (buffer, value, at) => buffer.writeBigInt64BE(value, at),
})

/** Signed, 8 bytes, big-endian: byte-compatible with Java's LongSerializer. */
export function int64(): Codec<bigint> {
  return codec
}
