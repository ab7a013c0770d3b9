/** What a store of windows that are kept by key holds: the windows of each key, and marks that find the keys when they are due. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'

/** The value of a key in a bucket of due times; that of a keyed entry is a KeyWindows. */
export const dueMark = 'due'

export interface KeyWindows<S> {
  /** The buckets that have a mark of the key; most often one. */
  readonly marks: readonly number[]
  /** Undefined where nothing is left but marks. */
  readonly state: S | undefined
}

/** A mark is no bytes at all. Else: how many marks (4 bytes), each as float64, big-endian; then the state, if any, by `codec`. */
export function keyWindows<S>(codec: CodecFor<S>): Codec<KeyWindows<S> | typeof dueMark> {
  const name = `key-windows(${codec.name})`
  return Object.freeze({
    name,
    parts: [codec],
    encode: (value: KeyWindows<S> | typeof dueMark) => {
      if (value === dueMark) return Buffer.alloc(0)
      const { marks, state } = value
      const fields = FieldWriter.begin()
      fields.list(marks, (mark) => fields.float64(mark))
      return (state === undefined ? fields : fields.rest(codec, state)).finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      if (fields.isAtEnd) return dueMark
      const marks = fields.list(() => fields.float64())
      return { marks, state: fields.isAtEnd ? undefined : decodeNested(codec, fields.rest()) }
    },
  })
}
