/** The state of hopping windows that share slices: what a key has in each slice of time that a window which is open may need. */
import type { Codec, CodecFor } from './codec.ts'
import { encodeFields, FieldReader, type FieldsWriter, type FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'

export interface HoppingSlice {
  /** Its first moment, ms. */
  readonly start: number
  /** Windows that end here or before don't have it, though they may be open; −Infinity for what came in time for all. */
  readonly stamp: number
  /** The aggregate of its records. */
  readonly value: unknown
}

/** At least one slice: a key that has none has no state. */
export interface HoppingState {
  /** The end of the first window that is open and has anything. */
  readonly next: number
  /** By start, then by stamp. Apart from the newest, into which most records go: so one of them copies no list. */
  readonly older: readonly HoppingSlice[]
  readonly newest: HoppingSlice
}

/** Set in the length of a value behind which a stamp stands. */
const stamped = 2 ** 31

/**
 * The end of the next window (float64), then each slice, the newest last: its start (float64), the length of its value (4 bytes, the first
 * bit set where there is a stamp), the value by `codec`, and the stamp (float64); big-endian.
 */
export function hoppingState(codec: CodecFor<unknown>): Codec<HoppingState> & FieldsWriter<HoppingState> {
  const name = `hopping(${codec.name})`
  const writeFields = (fields: FieldWriter, { next, older, newest }: HoppingState): void => {
    fields.float64(next)
    for (const slice of older) writeSlice(fields, slice, codec)
    writeSlice(fields, newest, codec)
  }
  return Object.freeze({
    name,
    parts: [codec],
    writeFields,
    encode: (state: HoppingState) => encodeFields({ writeFields }, state),
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const next = fields.float64()
      const older: HoppingSlice[] = []
      for (;;) {
        const slice = sliceFrom(fields, codec)
        if (fields.isAtEnd) return { next, older, newest: slice }
        older.push(slice)
      }
    },
  })
}

function writeSlice(fields: FieldWriter, { start, stamp, value }: HoppingSlice, codec: CodecFor<unknown>): void {
  fields.float64(start)
  if (stamp === Number.NEGATIVE_INFINITY) fields.nested(codec, value)
  else fields.nested(codec, value, stamped).float64(stamp)
}

function sliceFrom(fields: FieldReader, codec: CodecFor<unknown>): HoppingSlice {
  const start = fields.float64()
  const length = fields.uint32()
  const hasStamp = length >= stamped
  const value = decodeNested(codec, fields.view(hasStamp ? length - stamped : length))
  return { start, stamp: hasStamp ? fields.float64() : Number.NEGATIVE_INFINITY, value }
}
