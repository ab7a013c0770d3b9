/** The state of windows of batches from which values are taken out as they leave: the running aggregate of a key, and the values in it. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'

/** The values of one slot. */
export interface SlotValues {
  /** Where the slot begins, ms. */
  readonly start: number
  /** In the order in which they came; in pieces, so that one more does not copy all. */
  readonly pieces: readonly (readonly unknown[])[]
}

export interface InverseState {
  /** The end of the window that comes next. */
  readonly next: number
  /** Of the values of all slots. */
  readonly aggregate: unknown
  /** Those that have values, in order. */
  readonly slots: readonly SlotValues[]
}

export interface InverseCodecs {
  readonly aggregate: CodecFor<unknown>
  /** Of the values of one slot, together. */
  readonly values: CodecFor<unknown>
}

/** The end of the next window (float64), the aggregate behind its length, then each slot: its start (float64) and, behind their length, its values. */
export function inverseState({ aggregate, values }: InverseCodecs): Codec<InverseState> {
  const name = `inverse(${aggregate.name}, ${values.name})`
  return Object.freeze({
    name,
    parts: [aggregate, values],
    encode: (state: InverseState) => {
      const fields = FieldWriter.begin().float64(state.next).nested(aggregate, state.aggregate)
      for (const { start, pieces } of state.slots) fields.float64(start).nested(values, pieces.flat())
      return fields.finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const [next, running] = [fields.float64(), decodeNested(aggregate, fields.bytes())]
      const slots: SlotValues[] = []
      while (!fields.isAtEnd) {
        const [start, list] = [fields.float64(), decodeNested(values, fields.bytes()) as readonly unknown[]]
        slots.push({ start, pieces: [list] })
      }
      return { next, aggregate: running, slots }
    },
  })
}
