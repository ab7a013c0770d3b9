/** Numbers, as Java's DoubleSerializer writes them. */
import type { Codec } from './codec.ts'
import { fixedLength } from './fixed-length.ts'

const codec = fixedLength<number>('float64', 8, {
  read: (buffer, at) => buffer.readDoubleBE(at),
  write: (buffer, value, at) => {
    if (typeof value !== 'number') throw new TypeError(`float64() encodes numbers, not ${typeof value}.`)
    buffer.writeDoubleBE(value, at)
  },
})

/** IEEE 754, 8 bytes, big-endian: byte-compatible with Java's DoubleSerializer. */
export function float64(): Codec<number> {
  return codec
}
