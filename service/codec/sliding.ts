/** The state of sliding windows: the records of a key, by their times, as far as a window that is open may need them. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'
import { type StoredRecord, storedRecords } from './stored-records.ts'

/** The records of one time. */
export interface Slice {
  readonly time: number
  /** They are not in windows that close below this; −Infinity for those that came in time for all. */
  readonly stamp: number
  /** Their aggregate, or they themselves. */
  readonly value: unknown
  /** Those among them that came when windows had closed, and that no window had yet when it closed. */
  readonly untaken: readonly StoredRecord[]
}

export interface SlidingState {
  /** Windows that end here or before, that moment included, have closed. */
  readonly closed: number
  /** By time, then by stamp. */
  readonly slices: readonly Slice[]
}

export interface SlidingCodecs {
  /** Of what a slice has of its records. */
  readonly slice: CodecFor<unknown>
  /** Of the values of records. */
  readonly value: CodecFor<unknown>
}

/** The end of what has closed (float64), then each slice: time and stamp (float64), value and untaken records behind their lengths. */
export function slidingState(codecs: SlidingCodecs): Codec<SlidingState> {
  const name = `sliding(${codecs.slice.name})`
  const records = storedRecords(codecs.value)
  return Object.freeze({
    name,
    parts: [codecs.slice, codecs.value],
    encode: ({ closed, slices }: SlidingState) => {
      const fields = FieldWriter.begin().float64(closed)
      for (const { time, stamp, value, untaken } of slices) {
        fields.float64(time).float64(stamp).nested(codecs.slice, value)
        if (untaken.length === 0) fields.uint32(0)
        else fields.nested(records, untaken)
      }
      return fields.finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const closed = fields.float64()
      const slices: Slice[] = []
      while (!fields.isAtEnd) {
        const [time, stamp, value] = [fields.float64(), fields.float64(), decodeNested(codecs.slice, fields.bytes())]
        const untaken = fields.bytes()
        slices.push({ time, stamp, value, untaken: untaken.length === 0 ? [] : records.decode(untaken) })
      }
      return { closed, slices }
    },
  })
}
