/** Records that wait in a state: what code of the topology sees of them, and what they are ordered by. */
import type { Codec, CodecFor } from './codec.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { decodeNested } from './nested.ts'

export interface StoredRecord {
  /** Event time, ms. */
  readonly time: number
  /** The watermark of its source partition that it is older than, or −Infinity. */
  readonly stamp: number
  /** Undefined where it is not one to one with a source record. */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number } | undefined
  readonly headers: readonly (readonly [string, Buffer | null])[]
  readonly value: unknown
}

/** `codec` is of the values. Numbers are float64, texts and bytes stand behind their length, and what may be missing behind a count of 0 or 1. */
export function storedRecords(codec: CodecFor<unknown>): Codec<readonly StoredRecord[]> {
  const name = `records(${codec.name})`
  return Object.freeze({
    name,
    parts: [codec],
    encode: (records: readonly StoredRecord[]) => {
      const fields = FieldWriter.begin()
      return fields.list(records, (record) => write(fields, record, codec)).finish()
    },
    decode: (bytes: Buffer) => {
      const fields = new FieldReader(bytes, name)
      const records = fields.list(() => read(fields, codec))
      fields.end()
      return records
    },
  })
}

function write(fields: FieldWriter, { time, stamp, origin, headers, value }: StoredRecord, codec: CodecFor<unknown>): void {
  fields.float64(time).float64(stamp)
  fields.list(origin === undefined ? [] : [origin], ({ topic, partition, offset }) =>
    fields.bytes(Buffer.from(topic)).float64(partition).float64(offset),
  )
  fields.list(headers, ([header, content]) => {
    fields.bytes(Buffer.from(header)).list(content === null ? [] : [content], (bytes) => fields.bytes(bytes))
  })
  fields.nested(codec, value)
}

function read(fields: FieldReader, codec: CodecFor<unknown>): StoredRecord {
  const [time, stamp] = [fields.float64(), fields.float64()]
  const [origin] = fields.list(() => ({
    topic: fields.bytes().toString(),
    partition: fields.float64(),
    offset: fields.float64(),
  }))
  const headers = fields.list(() => {
    const header = fields.bytes().toString()
    const [content = null] = fields.list(() => Buffer.from(fields.bytes()))
    return [header, content] as const
  })
  return { time, stamp, origin, headers, value: decodeNested(codec, fields.bytes()) }
}
