import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FatalError } from '../../../../service/errors.ts'
import { ByteReader } from '../../../../service/kafka/wire/byte-reader.ts'
import { ByteWriter } from '../../../../service/kafka/wire/byte-writer.ts'
import { messageCodec } from '../../../../service/kafka/wire/message-codec.ts'
import { type Field, inVersions, type MessageKind, messageTable } from '../../../../service/kafka/wire/message-table.ts'
import { type Api, apiKey } from '../../../../service/kafka/wire/messages.ts'

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.nat(65_535),
  int32: fc.integer(),
  uint32: fc.nat(0xffffffff),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  string: fc.string({ unit: 'grapheme', maxLength: 20 }),
  bytes: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
}

function valueOf(field: Field, version: number): fc.Arbitrary<unknown> {
  const isArray = field.type.startsWith('[]')
  const name = field.type.replace('[]', '').replace('records', 'bytes')
  const element = field.fields.length > 0 ? structOf(field.fields, version) : (scalars[name] ?? fc.constant(null))
  const value = isArray ? fc.array(element, { maxLength: 3 }) : element
  return inVersions(field.nullable, version) ? fc.option(value) : value
}

/** Every field of `version`, tagged ones included, so that nothing is left to defaults. */
function structOf(fields: readonly Field[], version: number): fc.Arbitrary<Record<string, unknown>> {
  const present = fields.filter((field) => inVersions(field.versions, version) || inVersions(field.tag?.versions, version))
  return fc.record(Object.fromEntries(present.map((field) => [field.name, valueOf(field, version)])), { noNullPrototype: true })
}

/** All versions that the table of a message describes. */
function versionsOf(api: Api, kind: MessageKind): number[] {
  const { versions } = messageTable(api, kind)
  return Array.from({ length: 30 }, (_, version) => version).filter((version) => inVersions(versions, version))
}

function encoded(api: Api, kind: MessageKind, version: number, value: unknown): Buffer {
  const writer = new ByteWriter()
  messageCodec(api, kind, version).encode(writer, value)
  const bytes = Buffer.concat(writer.finish())
  assert.equal(bytes.length, writer.length)
  return bytes
}

const apis = Object.keys(apiKey) as Api[]
const kinds = ['request', 'response'] as const

for (const api of apis) {
  test(`${api}: what is encoded is decoded, in every version`, () => {
    for (const kind of kinds) {
      for (const version of versionsOf(api, kind)) {
        const { fields } = messageTable(api, kind)
        fc.assert(
          fc.property(structOf(fields, version), (value) => {
            const reader = new ByteReader(encoded(api, kind, version, value))
            assert.deepEqual(messageCodec(api, kind, version).decode(reader), value)
            assert.equal(reader.remaining, 0)
          }),
          { numRuns: 15 },
        )
      }
    }
  })
}

test('random bytes, and messages that are cut short, end in a value or in a FatalError', () => {
  const decode = (api: Api, bytes: Buffer) => {
    for (const version of versionsOf(api, 'response')) {
      try {
        messageCodec(api, 'response', version).decode(new ByteReader(bytes))
      } catch (error) {
        assert.ok(error instanceof FatalError, String(error))
      }
    }
  }
  const api = fc.constantFrom(...apis)
  fc.assert(fc.property(api, fc.uint8Array({ maxLength: 200 }), (name, bytes) => decode(name, Buffer.from(bytes))))
  const answer = structOf(messageTable('Fetch', 'response').fields, 12)
  fc.assert(
    fc.property(answer, fc.nat(100), (value, cut) =>
      decode('Fetch', encoded('Fetch', 'response', 12, value).subarray(0, -1 - cut)),
    ),
  )
})

test('what a request leaves out is encoded as its default', () => {
  const bytes = encoded('Fetch', 'request', 12, { maxWaitMs: 5, minBytes: 1, topics: [], forgottenTopicsData: [] })
  assert.deepEqual(messageCodec('Fetch', 'request', 12).decode(new ByteReader(bytes)), {
    clusterId: null,
    replicaId: -1,
    maxWaitMs: 5,
    minBytes: 1,
    maxBytes: 0x7fffffff,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [],
    forgottenTopicsData: [],
    rackId: '',
  })
})

test('tags that the table does not know are skipped', () => {
  const writer = new ByteWriter()
  for (const part of [encoded('Heartbeat', 'response', 4, { throttleTimeMs: 7, errorCode: 27 }).subarray(0, -1)])
    writer.bytes(part)
  for (const byte of [1, 99, 3]) writer.varint(byte)
  writer.bytes(Buffer.from('abc'))
  const decoded = messageCodec('Heartbeat', 'response', 4).decode(new ByteReader(Buffer.concat(writer.finish())))
  assert.deepEqual(decoded, { throttleTimeMs: 7, errorCode: 27 })
})

test('a version that the table does not hold is an error that names the range', () => {
  assert.throws(() => messageCodec('Fetch', 'request', 99), /Fetch has no version 99: 4-18/)
})
