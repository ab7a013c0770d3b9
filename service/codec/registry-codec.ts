/** The wire format of schema registries: a magic byte 0, the id of the schema (4 bytes, big-endian), then the payload. */
import { CaudalError } from '../errors.ts'
import type { Codec, RangeDecoder } from './codec.ts'
import { type PreparedCodec, UnpreparedError } from './prepared.ts'
import type { RegisteredSchemas } from './registered-schemas.ts'
import type { PayloadCodec, PayloadOptions, SchemaKind } from './registry-client.ts'

const headerLength = 5

export interface RegistryCodecParts extends PayloadOptions {
  readonly kind: SchemaKind
  /** For messages: `avro(purchases-value)`. */
  readonly name: string
  readonly schemas: RegisteredSchemas
  /** Every subject that values may be written by. */
  readonly subjects: readonly string[]
  /** Of a value: its subject, and its record where the subject goes by records. */
  readonly placeOf: (value: unknown) => { readonly subject: string; readonly record: string | undefined }
}

export type RegistryCodec = Codec<unknown> & RangeDecoder<unknown> & PreparedCodec

export function registryCodec(parts: RegistryCodecParts): RegistryCodec {
  const { name, kind, schemas, subjects, placeOf } = parts
  const payloads = new Map<number, PayloadCodec>()
  let foreseen = -1

  const payloadsOf = (id: number, use: 'decode' | 'encode'): PayloadCodec => {
    const known = payloads.get(id)
    if (known !== undefined) return known
    const schema = schemas.known(id)
    if (schema === undefined) {
      const reason = schemas.absence(id)
      if (reason !== undefined) throw new TypeError(reason)
      schemas.want(id)
      throw new UnpreparedError(`${name}: schema ${id} was not fetched yet`, use, codec)
    }
    if (schema.kind !== kind)
      throw new TypeError(`Schema ${id} of the registry is one of ${schema.kind}, and the codec is ${name}.`)
    const made = schema.payloads(parts)
    payloads.set(id, made)
    return made
  }
  const decodeRange = (buffer: Buffer, start: number, end: number): unknown => {
    if (!hasHeader(buffer, start, end))
      throw new TypeError('The bytes do not begin with a 0 and the id of a schema: they were written without a schema registry.')
    return payloadsOf(buffer.readInt32BE(start + 1), 'decode').decode(buffer.subarray(start + headerLength, end))
  }
  const codec: RegistryCodec = Object.freeze({
    name,
    encode: (value: unknown) => {
      const { subject, record } = placeOf(value)
      if (!subjects.includes(subject))
        throw new TypeError(`recordOf gave a record of subject ${subject}, which is not among those named.`)
      const id = schemas.latest(subject)
      if (id === undefined)
        throw new UnpreparedError(`${name}: the schema of subject ${subject} was not fetched yet`, 'encode', codec)
      try {
        return withHeader(id, payloadsOf(id, 'encode').encode(value, record))
      } catch (error) {
        if (!(error instanceof CaudalError)) schemas.doubt(subject)
        throw error
      }
    },
    decode: (bytes: Buffer) => decodeRange(bytes, 0, bytes.length),
    decodeRange,
    foresee: (buffer: Buffer, start: number, end: number) => {
      if (!hasHeader(buffer, start, end)) return
      const id = buffer.readInt32BE(start + 1)
      // Most records of a batch have the schema of the one before.
      if (id === foreseen) return
      if (payloads.has(id)) foreseen = id
      else schemas.want(id)
    },
    prepare: (use, preparation) =>
      use === 'decode' ? schemas.fetchWanted(preparation) : schemas.fetchLatest(subjects, preparation),
  } satisfies RegistryCodec)
  return codec
}

const hasHeader = (buffer: Buffer, start: number, end: number): boolean => end - start >= headerLength && buffer[start] === 0

function withHeader(id: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(headerLength + payload.length)
  bytes[0] = 0
  bytes.writeInt32BE(id, 1)
  payload.copy(bytes, headerLength)
  return bytes
}
