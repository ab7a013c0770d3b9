/** Codecs of a fixed number of bytes: what they have in common is the check of it. */
import type { Codec, RangeDecoder } from './codec.ts'

/** What such codecs have beside `encode`: writes the value into a larger buffer. */
export interface FixedLengthWriter<in T> {
  readonly byteLength: number
  readonly writeAt: (buffer: Buffer, value: T, at: number) => void
}

/** A codec that reads and writes exactly `length` bytes. Its decoder throws a TypeError on any other number of them. */
export function fixedLength<T>(
  name: string,
  length: number,
  access: { readonly read: (buffer: Buffer, at: number) => T; readonly write: (buffer: Buffer, value: T, at: number) => void },
): Codec<T> & RangeDecoder<T> & FixedLengthWriter<T> {
  const decodeRange = (buffer: Buffer, start: number, end: number): T => {
    if (end - start !== length) throw new TypeError(`${name} is ${length} bytes long, and these are ${end - start}.`)
    return access.read(buffer, start)
  }
  return Object.freeze({
    name,
    encode: (value: T) => {
      const buffer = Buffer.allocUnsafe(length)
      access.write(buffer, value, 0)
      return buffer
    },
    decode: (bytes: Buffer) => decodeRange(bytes, 0, bytes.length),
    decodeRange,
    byteLength: length,
    writeAt: access.write,
  })
}
