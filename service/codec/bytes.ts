/** Bytes as they are. */
import type { Codec, RangeDecoder } from './codec.ts'

const codec: Codec<Buffer> & RangeDecoder<Buffer> = Object.freeze({
  name: 'bytes',
  encode: (value: Buffer) => {
    if (!Buffer.isBuffer(value)) throw new TypeError(`bytes() encodes Buffers, not ${typeof value}.`)
    return value
  },
  decode: (bytes: Buffer) => bytes,
  // A copy: a value that is kept must not keep the whole fetched block alive.
  decodeRange: (buffer: Buffer, start: number, end: number) => Buffer.from(buffer.subarray(start, end)),
})

/** Bytes as they are. */
export function bytes(): Codec<Buffer> {
  return codec
}
