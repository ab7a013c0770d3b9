/** A value of one codec inside the bytes of another. */
import type { CodecFor } from './codec.ts'

/** @throws TypeError where the codec makes no bytes of it */
export function encodeNested<T>(codec: CodecFor<T>, value: T): Buffer {
  const bytes = codec.encode(value)
  if (bytes === null) throw new TypeError(`${codec.name} made no bytes of a value.`)
  return bytes
}

/** Shares nothing with `bytes`. @throws TypeError where the codec makes undefined of them, which is what no value is */
export function decodeNested<T>(codec: CodecFor<T>, bytes: Buffer): T {
  const value: unknown = codec.decode(bytes)
  if (value === undefined) throw new TypeError(`${codec.name} made undefined of a value that is there.`)
  // A codec of bytes gives out a view of what it is given.
  return (value instanceof Uint8Array ? Buffer.from(value) : value) as T
}
