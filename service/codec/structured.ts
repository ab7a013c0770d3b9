/** Whatever structured clone takes, in V8's own format. */
import { deserialize, serialize } from 'node:v8'
import type { Codec } from './codec.ts'

const codec: Codec<unknown> = Object.freeze({
  name: 'structured',
  encode: (value: unknown) => serialize(value),
  // A copy: V8 gives out typed arrays as views of the bytes that it reads, and those belong to a fetched block.
  decode: (bytes: Buffer) => deserialize(Buffer.from(bytes)) as unknown,
})

/** Anything that structured clone takes: Date, Map, Set, bigint, typed arrays. Only Node reads it. */
export function structured<T>(): Codec<T> {
  return codec as Codec<T>
}
