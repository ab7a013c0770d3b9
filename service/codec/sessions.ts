/** The state of sessions: the open ones of a key. */
import type { Codec, CodecFor } from './codec.ts'
import { encodeFields, FieldReader, type FieldsWriter, type FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'

export interface Session {
  /** The times of its first event and of its last, ms. */
  readonly start: number
  readonly last: number
  /** Its aggregate. */
  readonly value: unknown
}

/** Of each session its start and its last event (float64), then its aggregate, by `codec`, behind its length (4 bytes); big-endian. */
export function sessions(codec: CodecFor<unknown>): Codec<readonly Session[]> & FieldsWriter<readonly Session[]> {
  const name = `sessions(${codec.name})`
  const writeFields = (fields: FieldWriter, open: readonly Session[]): void => {
    for (const { start, last, value } of open) fields.float64(start).float64(last).nested(codec, value)
  }
  return Object.freeze({
    name,
    parts: [codec],
    writeFields,
    encode: (open: readonly Session[]) => encodeFields({ writeFields }, open),
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const open: Session[] = []
      while (!fields.isAtEnd)
        open.push({ start: fields.float64(), last: fields.float64(), value: decodeNested(codec, fields.bytes()) })
      return open
    },
  })
}
