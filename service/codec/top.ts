/** What the tasks of a top tell one another, and what the one that merges it keeps. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested, encodeNested } from './nested.ts'
import type { KeyKind } from './text-keys.ts'

/** A row among those that a top chooses from. */
export interface RankedRow {
  /** Its bytes as Latin-1. */
  readonly key: string
  /** How the key is read; `'o'`: as the source says. */
  readonly keyKind: KeyKind | 'o'
  readonly value: unknown
}

/** The first rows of one task. */
export interface TopPart {
  /** Of the task. */
  readonly partition: number
  /** True for rows of a window that are final: they are added to others. All other parts take the place of the one before. */
  readonly isFinal: boolean
  readonly rows: readonly RankedRow[]
}

/** Of one window, or of a table, whose rows are never final. */
export interface TopState {
  /** The first of all final rows. */
  readonly final: readonly RankedRow[]
  /** What each task has beside them. */
  readonly open: readonly { readonly partition: number; readonly rows: readonly RankedRow[] }[]
}

/** The partition (4 bytes), 1 for a final part and 0 for another (4), then the rows as in `writeRow`; big-endian. `codec` is of the values. */
export function topParts(codec: CodecFor<unknown>): Codec<TopPart> {
  const name = `top-parts(${codec.name})`
  return Object.freeze({
    name,
    parts: [codec],
    encode: ({ partition, isFinal, rows }: TopPart) => {
      const fields = new FieldWriter().uint32(partition).uint32(isFinal ? 1 : 0)
      return fields.list(rows, (row) => writeRow(fields, row, codec)).finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const [partition, isFinal] = [fields.uint32(), fields.uint32() === 1]
      const rows = fields.list(() => readRow(fields, codec))
      fields.end()
      return { partition, isFinal, rows }
    },
  })
}

/** The final rows, then of each task its partition (4 bytes) and its rows. */
export function topStates(codec: CodecFor<unknown>): Codec<TopState> {
  const name = `top(${codec.name})`
  return Object.freeze({
    name,
    parts: [codec],
    encode: ({ final, open }: TopState) => {
      const fields = new FieldWriter()
      fields.list(final, (row) => writeRow(fields, row, codec))
      return fields
        .list(open, ({ partition, rows }) => fields.uint32(partition).list(rows, (row) => writeRow(fields, row, codec)))
        .finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const final = fields.list(() => readRow(fields, codec))
      const open = fields.list(() => ({ partition: fields.uint32(), rows: fields.list(() => readRow(fields, codec)) }))
      fields.end()
      return { final, open }
    },
  })
}

/** Key and value behind their lengths, and between them the character that tells the kind of the key, as a number of 4 bytes. */
function writeRow(fields: FieldWriter, { key, keyKind, value }: RankedRow, codec: CodecFor<unknown>): void {
  fields.bytes(Buffer.from(key, 'latin1')).uint32(keyKind.charCodeAt(0)).bytes(encodeNested(codec, value))
}

function readRow(fields: FieldReader, codec: CodecFor<unknown>): RankedRow {
  const [key, kind] = [fields.bytes().toString('latin1'), String.fromCharCode(fields.uint32())]
  const keyKind = (['s', 'n', 'b', 'o'] as const).find((known) => known === kind)
  if (keyKind === undefined) throw new TypeError(`A row of a top has a key of unknown kind ${JSON.stringify(kind)}.`)
  return { key, keyKind, value: decodeNested(codec, fields.bytes()) }
}
