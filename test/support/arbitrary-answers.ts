/** Answers of Kafka as the field tables allow them, for whichever API. */
import fc from 'fast-check'
import { ByteWriter } from '../../service/kafka/wire/byte-writer.ts'
import { messageCodec } from '../../service/kafka/wire/message-codec.ts'
import { type Field, inVersions, messageTable } from '../../service/kafka/wire/message-table.ts'
import type { Api } from '../../service/kafka/wire/messages.ts'

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  uint16: fc.nat(2 ** 16 - 1),
  int32: fc.integer(),
  uint32: fc.nat(),
  int64: fc.maxSafeInteger(),
  float64: fc.double(),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  string: fc.string({ maxLength: 10 }),
  bytes: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  records: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
}

function structOf(fields: readonly Field[], version: number): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const present = fields.filter(({ versions }) => inVersions(versions, version))
  return fc.record(Object.fromEntries(present.map((field) => [field.name, valueOf(field, version)])))
}

function valueOf(field: Field, version: number): fc.Arbitrary<unknown> {
  const type = field.type.replace('[]', '')
  const one = field.fields.length > 0 ? structOf(field.fields, version) : scalars[type]
  if (one === undefined) throw new TypeError(`a field of type ${type}`)
  const value = field.type.startsWith('[]') ? fc.array(one, { maxLength: 3 }) : one
  return inVersions(field.nullable, version) ? fc.option(value, { freq: 4 }) : value
}

/** The bytes of any answer to `api` in `version`, behind the correlation id. */
export function answersTo(api: Api, version: number): fc.Arbitrary<Buffer> {
  const codec = messageCodec(api, 'response', version)
  return structOf(messageTable(api, 'response').fields, version).map((answer) => {
    const writer = new ByteWriter()
    // The header of a flexible answer has tagged fields too; that to ApiVersions has the old one (KIP-511).
    if (codec.isFlexible && api !== 'ApiVersions') writer.varint(0)
    codec.encode(writer, answer)
    return Buffer.concat(writer.finish())
  })
}
