/** The state of sessions with markers: the open one of a key, and the records whose turn has not come. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'
import { type Session, sessions } from './sessions.ts'
import { type StoredRecord, storedRecords } from './stored-records.ts'

export interface MarkerState {
  readonly open: Session | undefined
  /** In the order in which they are taken. */
  readonly waiting: readonly StoredRecord[]
}

export interface MarkerCodecs {
  readonly aggregate: CodecFor<unknown>
  /** Of the values of records. */
  readonly value: CodecFor<unknown>
}

/** The open session, if any, behind its length; then the records. */
export function markerState({ aggregate, value }: MarkerCodecs): Codec<MarkerState> {
  const name = `marker-sessions(${aggregate.name}, ${value.name})`
  const open = sessions(aggregate)
  const records = storedRecords(value)
  return Object.freeze({
    name,
    parts: [aggregate, value],
    encode: (state: MarkerState) =>
      FieldWriter.begin()
        .nested(open, state.open === undefined ? [] : [state.open])
        .nested(records, state.waiting)
        .finish(),
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const [session] = decodeNested(open, fields.bytes())
      const waiting = decodeNested(records, fields.bytes())
      fields.end()
      return { open: session, waiting }
    },
  })
}
