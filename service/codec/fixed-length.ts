/** Codecs of a fixed number of bytes: what they have in common is the check of it. */
import type { Codec, RangeDecoder } from './codec.ts'

/** A codec that reads and writes exactly `length` bytes. Its decoder throws a TypeError on any other number of them. */
export function fixedLength<T>(
  name: string,
  length: number,
  access: { readonly read: (buffer: Buffer, at: number) => T; readonly write: (buffer: Buffer, value: T) => void },
): Codec<T> & RangeDecoder<T> {
  const decodeRange = (buffer: Buffer, start: number, end: number): T => {
    if (end - start !== length) throw new TypeError(`${name} is ${length} bytes long, and these are ${end - start}.`)
    return access.read(buffer, start)
  }
  return Object.freeze({
    name,
    encode: (value: T) => {
      const buffer = Buffer.allocUnsafe(length)
      access.write(buffer, value)
      return buffer
    },
    decode: (bytes: Buffer) => decodeRange(bytes, 0, bytes.length),
    decodeRange,
  })
}
