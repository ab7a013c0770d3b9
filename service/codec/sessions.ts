/** The state of sessions: the open ones of a key. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader } from './fields.ts'
import { decodeNested, encodeNested } from './nested.ts'

export interface Session {
  /** The times of its first event and of its last, ms. */
  readonly start: number
  readonly last: number
  /** Its aggregate. */
  readonly value: unknown
}

const headLength = 20

/** Of each session its start and its last event (float64), then its aggregate, by `codec`, behind its length (4 bytes); big-endian. */
export function sessions(codec: CodecFor<unknown>): Codec<readonly Session[]> {
  const name = `sessions(${codec.name})`
  return Object.freeze({
    name,
    encode: (open: readonly Session[]) => {
      const values = open.map(({ value }) => encodeNested(codec, value))
      const bytes = Buffer.allocUnsafe(values.reduce((length, value) => length + headLength + value.length, 0))
      let at = 0
      for (const [i, value] of values.entries()) {
        at = bytes.writeDoubleBE(open[i]?.start ?? Number.NaN, at)
        at = bytes.writeDoubleBE(open[i]?.last ?? Number.NaN, at)
        at = bytes.writeUInt32BE(value.length, at)
        at += value.copy(bytes, at)
      }
      return bytes
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const open: Session[] = []
      while (!fields.isAtEnd)
        open.push({ start: fields.float64(), last: fields.float64(), value: decodeNested(codec, fields.bytes()) })
      return open
    },
  })
}
