/** Compiles a message's table, for one version, into an encoder and a decoder of plain objects. */
import { type ByteReader, malformed } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Field, inVersions, type MessageKind, messageTable } from './message-table.ts'

/** Encodes and decodes values of one type. The types of messages.ts stand guard where a codec is used. */
export interface Codec {
  readonly encode: (writer: ByteWriter, value: unknown) => void
  readonly decode: (reader: ByteReader) => unknown
}

export interface MessageCodec extends Codec {
  /** Compact lengths and tagged fields (KIP-482), in the header too. */
  readonly isFlexible: boolean
}

type Struct = Record<string, unknown>

interface Context {
  readonly version: number
  /** The version whose fields a decoded message has: those that `version` lacks have their defaults. */
  readonly shape: number
  readonly isFlexible: boolean
}

const compiled = new Map<string, MessageCodec>()

/** The codec of `api`'s requests or answers in `version`; what it decodes has the fields of the version `shape`. */
export function messageCodec(api: string, kind: MessageKind, version: number, shape = version): MessageCodec {
  const name = `${api} ${kind} ${version} ${shape}`
  let codec = compiled.get(name)
  if (codec === undefined) {
    const table = messageTable(api, kind)
    if (!inVersions(table.versions, version)) throw new Error(`${api} has no version ${version}: ${table.versions}`)
    const isFlexible = inVersions(table.flexible, version)
    codec = { isFlexible, ...structCodec(table.fields, { version, shape, isFlexible }) }
    compiled.set(name, codec)
  }
  return codec
}

interface Member extends Codec {
  readonly name: string
  readonly default: unknown
}

interface TaggedMember extends Member {
  readonly tag: number
}

function structCodec(fields: readonly Field[], context: Context): Codec {
  const isTagged = (field: Field) => context.isFlexible && inVersions(field.tag?.versions, context.version)
  const member = (field: Field): Member => ({
    name: field.name,
    default: defaultOf(field, context),
    ...fieldCodec(field, context),
  })
  const members = fields.filter((field) => inVersions(field.versions, context.version) && !isTagged(field)).map(member)
  const tagged = fields.filter(isTagged).map((field) => ({ ...member(field), tag: field.tag?.number ?? 0 }))
  const present = new Set([...members, ...tagged].map(({ name }) => name))
  const absent = fields
    .filter(({ name, versions }) => !present.has(name) && inVersions(versions, context.shape))
    .map((field) => ({ name: field.name, default: defaultOf(field, { ...context, version: context.shape }) }))
  return {
    encode(writer, value) {
      const struct = value as Struct
      for (const { name, encode, default: byDefault } of members)
        encode(writer, struct[name] ?? fallback(struct, name, byDefault))
      if (context.isFlexible) encodeTagged(writer, tagged, struct)
    },
    decode(reader) {
      const struct: Struct = {}
      for (const { name, decode } of members) struct[name] = decode(reader)
      if (context.isFlexible) decodeTagged(reader, tagged, struct)
      for (const { name, default: byDefault } of absent) struct[name] = byDefault
      return struct
    },
  }
}

/** Null is a value, undefined stands for the default. */
const fallback = (struct: Struct, name: string, byDefault: unknown) => (struct[name] === null ? null : byDefault)

function encodeTagged(writer: ByteWriter, tagged: readonly TaggedMember[], struct: Struct): void {
  const present = tagged.filter(({ name }) => struct[name] !== undefined)
  writer.varint(present.length)
  for (const { name, tag, encode } of present) {
    const part = new ByteWriter(64)
    encode(part, struct[name])
    writer.varint(tag)
    writer.varint(part.length)
    for (const bytes of part.finish()) writer.bytes(bytes)
  }
}

function decodeTagged(reader: ByteReader, tagged: readonly TaggedMember[], struct: Struct): void {
  for (const { name, default: byDefault } of tagged) struct[name] = byDefault
  for (let left = reader.varint(); left > 0; left--) {
    const tag = reader.varint()
    const part = reader.part(reader.varint())
    const known = tagged.find((member) => member.tag === tag)
    // A newer broker may send tags that are not in the table: they are meant to be skipped.
    if (known !== undefined) struct[known.name] = known.decode(part)
  }
}

function fieldCodec(field: Field, context: Context): Codec {
  const isNullable = inVersions(field.nullable, context.version)
  if (field.type.startsWith('[]')) {
    const element = elementCodec({ ...field, type: field.type.slice(2) }, context)
    return arrayCodec(element, { ...context, isNullable })
  }
  if (field.type === 'string') return stringCodec({ ...context, isNullable })
  if (field.type === 'bytes' || field.type === 'records') return bytesCodec({ ...context, isNullable })
  const codec = elementCodec(field, context)
  return isNullable ? nullableStructCodec(codec) : codec
}

function elementCodec(field: Field, context: Context): Codec {
  if (field.fields.length > 0) return structCodec(field.fields, context)
  if (field.type === 'string') return stringCodec({ ...context, isNullable: false })
  if (field.type === 'bytes') return bytesCodec({ ...context, isNullable: false })
  const scalar = scalars[field.type]
  if (scalar === undefined) throw new Error(`The field tables have an unknown type: ${field.type}`)
  return scalar
}

const scalars: Readonly<Record<string, Codec>> = {
  bool: { encode: (writer, value) => writer.int8(value === true ? 1 : 0), decode: (reader) => reader.int8() !== 0 },
  int8: { encode: (writer, value) => writer.int8(value as number), decode: (reader) => reader.int8() },
  int16: { encode: (writer, value) => writer.int16(value as number), decode: (reader) => reader.int16() },
  uint16: { encode: (writer, value) => writer.uint16(value as number), decode: (reader) => reader.uint16() },
  int32: { encode: (writer, value) => writer.int32(value as number), decode: (reader) => reader.int32() },
  uint32: { encode: (writer, value) => writer.uint32(value as number), decode: (reader) => reader.uint32() },
  int64: { encode: (writer, value) => writer.int64(value as number), decode: (reader) => reader.int64() },
  float64: { encode: (writer, value) => writer.float64(value as number), decode: (reader) => reader.float64() },
  uuid: {
    encode: (writer, value) => writer.bytes(Buffer.from(value as string, 'hex')),
    decode: (reader) => reader.bytes(16).toString('hex'),
  },
}

interface LengthContext extends Context {
  readonly isNullable: boolean
}

/** The length in front of a string (`isShort`), a byte string or an array; -1 for null. */
function lengthCodec({ isFlexible, isNullable }: LengthContext, isShort = false) {
  return {
    encode(writer: ByteWriter, length: number): void {
      if (isFlexible) writer.varint(length + 1)
      else if (isShort) writer.int16(length)
      else writer.int32(length)
    },
    decode(reader: ByteReader): number {
      const length = isFlexible ? reader.varint() - 1 : isShort ? reader.int16() : reader.int32()
      if (length < -1 || (length === -1 && !isNullable)) throw malformed(`a length is ${length}`)
      // Nothing that has a length takes less than a byte: a longer one is a lie, whatever it is to hold.
      if (length > reader.remaining) throw malformed(`a length is ${length} where ${reader.remaining} bytes are left`)
      return length
    },
  }
}

function arrayCodec(element: Codec, context: LengthContext): Codec {
  const lengths = lengthCodec(context)
  return {
    encode(writer, value) {
      const elements = value as readonly unknown[] | null
      lengths.encode(writer, elements === null ? -1 : elements.length)
      for (const each of elements ?? []) element.encode(writer, each)
    },
    decode(reader) {
      const length = lengths.decode(reader)
      return length < 0 ? null : Array.from({ length }, () => element.decode(reader))
    },
  }
}

function stringCodec(context: LengthContext): Codec {
  const lengths = lengthCodec(context, true)
  return {
    encode(writer, value) {
      const bytes = value === null ? null : Buffer.from(value as string, 'utf8')
      lengths.encode(writer, bytes === null ? -1 : bytes.length)
      if (bytes !== null) writer.bytes(bytes)
    },
    decode(reader) {
      const length = lengths.decode(reader)
      return length < 0 ? null : reader.bytes(length).toString('utf8')
    },
  }
}

function bytesCodec(context: LengthContext): Codec {
  const lengths = lengthCodec(context)
  return {
    encode(writer, value) {
      const bytes = value as Buffer | null
      lengths.encode(writer, bytes === null ? -1 : bytes.length)
      if (bytes !== null) writer.bytes(bytes)
    },
    decode(reader) {
      const length = lengths.decode(reader)
      return length < 0 ? null : reader.bytes(length)
    },
  }
}

function nullableStructCodec(struct: Codec): Codec {
  return {
    encode(writer, value) {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) struct.encode(writer, value)
    },
    decode: (reader) => (reader.int8() < 0 ? null : struct.decode(reader)),
  }
}

function defaultOf(field: Field, context: Context): unknown {
  if (field.default !== undefined) return field.default
  if (field.type.startsWith('[]')) return []
  if (field.fields.length > 0) {
    const members = field.fields.filter(({ versions }) => inVersions(versions, context.version))
    return Object.fromEntries(members.map((member) => [member.name, defaultOf(member, context)]))
  }
  if (field.type === 'string') return ''
  if (field.type === 'bool') return false
  if (field.type === 'uuid') return '0'.repeat(32)
  return field.type === 'bytes' || field.type === 'records' ? Buffer.alloc(0) : 0
}
