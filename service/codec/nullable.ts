/** Null values (tombstones) as values of their own. */
import { type Codec, rangeDecoderOf, writableEncoderOf } from './codec.ts'

/** One for each codec, so that two sources with the same codec are seen to be the same. */
const nullables = new WeakMap<object, unknown>()

/** Takes null (a tombstone) for a value; such records are skipped otherwise. A null key reads as `''` and leaves as null. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  const known = nullables.get(codec) as Codec<T | null> | undefined
  const wrapped = known ?? (codec.nullable === true ? codec : nullableCodec(codec))
  nullables.set(codec, wrapped)
  return wrapped as Codec<T | null>
}

function nullableCodec<T>(codec: Codec<T>): Codec<T | null> {
  const write = writableEncoderOf(codec)
  return Object.freeze({
    name: `nullable(${codec.name})`,
    parts: [codec],
    nullable: true,
    encode: (value: T | null) => (value === null ? null : codec.encode(value)),
    decode: (bytes: Buffer) => codec.decode(bytes),
    decodeRange: rangeDecoderOf(codec),
    ...('encodeText' in codec ? { encodeText: (value: T | null) => (value === null ? null : write(value)) } : {}),
  })
}
