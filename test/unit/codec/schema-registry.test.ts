import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Codec } from '../../../service/codec/codec.ts'
import { nullable } from '../../../service/codec/nullable.ts'
import { preparedIn, UnpreparedError } from '../../../service/codec/prepared.ts'
import { schemaRegistry } from '../../../service/codec/schema-registry.ts'
import { keyWindows } from '../../../service/codec/key-windows.ts'
import { sessions } from '../../../service/codec/sessions.ts'
import { ConfigurationError, FatalError, RegistryUnavailableError } from '../../../service/errors.ts'
import javaRecords from '../../support/protobuf-records.json' with { type: 'json' }
import { FakeRegistry } from '../../support/fake-registry.ts'

/** `made` in the file says by what. */
interface JavaRecords {
  readonly schema: string
  readonly records: readonly {
    readonly message: string
    readonly value: Readonly<Record<string, unknown>>
    readonly bytes: string
  }[]
}

interface Purchase {
  readonly user: string
  readonly cents: number
  readonly shop?: string | null
}

const purchaseFields = [
  { name: 'user', type: 'string' },
  { name: 'cents', type: 'long' },
]
const shopField = { name: 'shop', type: ['null', 'string'], default: null }
const avroOf = (fields: readonly object[], name = 'com.shop.Purchase') => ({ type: 'record', name, fields })
const avro = (fields: readonly object[], name?: string) => ({ schema: JSON.stringify(avroOf(fields, name)) })
const proto = (schema: string) => ({ schemaType: 'PROTOBUF' as const, schema })
const jsonOf = (schema: object) => ({ schemaType: 'JSON' as const, schema: JSON.stringify(schema) })

let registry: FakeRegistry
before(async () => {
  registry = await FakeRegistry.start()
})
after(() => registry.close())
beforeEach(() => {
  registry.asked.length = 0
})

const at = (now = 0) => ({ now, registry: { url: registry.url, username: null, password: null } })
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

async function forWriting<T>(codec: Codec<T>): Promise<Codec<T>> {
  for (const part of preparedIn(codec)) await part.prepare('encode', at())
  return codec
}

async function read<T>(codec: Codec<T>, bytes: Buffer | null, now = 0): Promise<T> {
  assert.ok(bytes !== null)
  for (const part of preparedIn(codec)) {
    part.foresee(bytes, 0, bytes.length)
    await part.prepare('decode', at(now))
  }
  return codec.decode(bytes)
}

describe('avro', () => {
  test('is the magic byte, the id and the value; read by an instance that knows nothing yet', async () => {
    const id = registry.register('avro-value', avro(purchaseFields))
    const bytes = (await forWriting(schemaRegistry().avro<Purchase>('avro-value'))).encode({ user: 'ada', cents: 5 })
    assert.equal(bytes?.toString('hex'), `00${id.toString(16).padStart(8, '0')}06616461` + '0a')
    assert.deepEqual(plain(await read(schemaRegistry().avro<Purchase>('avro-value'), bytes)), { user: 'ada', cents: 5 })
  })

  test('what is known is not asked for again', async () => {
    registry.register('known-value', avro(purchaseFields))
    const codec = await forWriting(schemaRegistry().avro<Purchase>('known-value'))
    registry.asked.length = 0
    await forWriting(codec)
    await read(codec, codec.encode({ user: 'ada', cents: 5 }))
    assert.deepEqual(registry.asked, [])
  })

  test('a value that does not fit is refused by the names of its fields', async () => {
    registry.register('unfit-value', avro(purchaseFields))
    const codec = await forWriting(schemaRegistry().avro<unknown>('unfit-value'))
    assert.throws(() => codec.encode({ user: 3, cents: 'x' }), /com\.shop\.Purchase: user, cents\./)
  })

  test('after a value that did not fit, the newest schema of the subject is asked for', async () => {
    registry.register('doubted-value', avro([{ name: 'user', type: 'string' }]))
    const codec = await forWriting(schemaRegistry().avro<unknown>('doubted-value'))
    const id = registry.register('doubted-value', avro([{ name: 'user', type: ['string', 'int'] }]))
    assert.throws(() => codec.encode({ user: 3 }), TypeError)
    assert.equal((await forWriting(codec)).encode({ user: 3 })?.readInt32BE(1), id)
  })

  test('a reader schema reads what older and newer schemas wrote, as far as the rules of Avro allow', async () => {
    const readerSchema = avroOf([...purchaseFields, shopField])
    const codec = schemaRegistry().avro<Purchase>('evolved-value', { readerSchema })
    registry.register('evolved-value', avro(purchaseFields))
    const old = (await forWriting(schemaRegistry().avro<Purchase>('evolved-value'))).encode({ user: 'ada', cents: 5 })
    assert.deepEqual(plain(await read(codec, old)), { user: 'ada', cents: 5, shop: null })
    registry.register('evolved-value', avro([...purchaseFields, shopField, { name: 'note', type: 'string' }]))
    const newer = (await forWriting(schemaRegistry().avro<unknown>('evolved-value'))).encode({
      user: 'eve',
      cents: 6,
      shop: 'b',
      note: 'gone',
    })
    assert.deepEqual(plain(await read(codec, newer)), { user: 'eve', cents: 6, shop: 'b' })
    registry.register('evolved-value', avro([{ name: 'user', type: 'string' }]))
    const without = (await forWriting(schemaRegistry().avro<unknown>('evolved-value'))).encode({ user: 'bob' })
    await assert.rejects(() => read(codec, without), /readerSchema cannot read what was written/)
  })

  test('schemas that refer to others are read with them', async () => {
    registry.register('com.shop.Money', avro([{ name: 'cents', type: 'long' }], 'com.shop.Money'))
    registry.register('referring-value', {
      ...avro([{ name: 'price', type: 'com.shop.Money' }]),
      references: [{ name: 'com.shop.Money', subject: 'com.shop.Money', version: 1 }],
    })
    const codec = await forWriting(schemaRegistry().avro<unknown>('referring-value'))
    assert.deepEqual(plain(await read(codec, codec.encode({ price: { cents: 7 } }))), { price: { cents: 7 } })
  })
})

describe('JSON Schema', () => {
  const schema = { type: 'object', properties: { user: { type: 'string', format: 'unheard-of' } }, required: ['user'] }

  test('is checked both ways', async () => {
    const id = registry.register('json-value', jsonOf(schema))
    const codec = await forWriting(schemaRegistry().jsonSchema<unknown>('json-value'))
    const bytes = codec.encode({ user: 'ada' })
    assert.equal(bytes?.subarray(5).toString(), '{"user":"ada"}')
    assert.deepEqual(await read(codec, bytes), { user: 'ada' })
    assert.throws(() => codec.encode({ user: 3 }), /JSON Schema: \/user\./)
    const header = Buffer.of(0, 0, 0, 0, id)
    await assert.rejects(() => read(codec, Buffer.concat([header, Buffer.from('{}')])), /JSON Schema: the value itself\./)
    await assert.rejects(() => read(codec, Buffer.concat([header, Buffer.from('{')])), SyntaxError)
  })
})

describe('protobuf', () => {
  const file = `syntax = "proto3";
package com.shop;
// message Commented { }
enum Kind { UNKNOWN = 0; CARD = 1; }
message Purchase {
  string user = 1;
  int64 cents = 2;
  Kind kind = 3;
  bytes raw = 4;
  repeated int32 items = 5;
  map<string, int32> counts = 6;
  message Line { string name = 1; message Part { int32 no = 1; } }
  message Total { int64 cents = 1; }
}
message Refund { string reason = 1; }
`
  const value = {
    user: 'ada',
    cents: '9007199254740993',
    kind: 'CARD',
    raw: Buffer.of(0, 1),
    items: [1, 300],
    counts: { a: 1 },
  }

  test('values are as in the JSON mapping, with Buffers', async () => {
    registry.register('proto-value', proto(file))
    const codec = await forWriting(schemaRegistry().protobuf<typeof value>('proto-value'))
    const bytes = codec.encode(value)
    assert.equal(bytes?.[5], 0, 'the path of the first message is one byte')
    assert.deepEqual({ ...(await read(codec, bytes)) }, value)
  })

  test('bytes are those of a serializer that is compatible with the one of Java, both ways', async (context) => {
    const { schema, records } = javaRecords as JavaRecords
    const other = await FakeRegistry.start()
    context.after(() => other.close())
    assert.equal(other.register('java-value', proto(schema)), 1)
    const withBytes = ({ raw, ...value }: Readonly<Record<string, unknown>>) =>
      typeof raw === 'string' ? { ...value, raw: Buffer.from(raw, 'base64') } : value
    for (const { message, value, bytes } of records) {
      const codec = schemaRegistry({ url: other.url }).protobuf<object>('java-value', { message })
      assert.equal((await forWriting(codec)).encode(withBytes(value))?.toString('hex'), bytes, message)
      const decoded = await read(schemaRegistry({ url: other.url }).protobuf<object>('java-value'), Buffer.from(bytes, 'hex'))
      assert.partialDeepStrictEqual(decoded, withBytes(value))
    }
  })

  test('types that every compiler knows need not be in the registry', async () => {
    registry.register(
      'known-types-value',
      proto('syntax = "proto3"; import "google/protobuf/timestamp.proto"; message Event { google.protobuf.Timestamp at = 1; }'),
    )
    const codec = await forWriting(schemaRegistry().protobuf<object>('known-types-value'))
    const bytes = codec.encode({ at: { seconds: '5', nanos: 7 } })
    assert.equal(bytes?.subarray(5).toString('hex'), '000a0408051007')
    assert.deepEqual(await read(codec, bytes), { at: { seconds: '5', nanos: 7 } })
  })

  test('defaults are filled in, and an empty message is no bytes', async () => {
    registry.register('empty-value', proto(file))
    const codec = await forWriting(schemaRegistry().protobuf<object>('empty-value', { message: 'Refund' }))
    const bytes = codec.encode({})
    assert.equal(bytes?.subarray(5).toString('hex'), '0202')
    assert.deepEqual({ ...(await read(codec, bytes)) }, { reason: '' })
  })

  test('nested messages stand at their paths', async () => {
    registry.register('nested-value', proto(file))
    const paths: readonly (readonly [string, string])[] = [
      ['Purchase.Line', '040000'],
      ['Purchase.Total', '040002'],
      ['com.shop.Purchase.Line.Part', '06000000'],
    ]
    for (const [message, expected] of paths) {
      const codec = await forWriting(schemaRegistry().protobuf<object>('nested-value', { message }))
      assert.equal(codec.encode({})?.subarray(5).toString('hex'), expected, message)
      await read(codec, codec.encode({}))
    }
  })

  test('another message than the one that is read is refused', async () => {
    registry.register('other-value', proto(file))
    const refunds = await forWriting(schemaRegistry().protobuf<object>('other-value', { message: 'com.shop.Refund' }))
    const purchases = schemaRegistry().protobuf<object>('other-value', { message: 'Purchase' })
    await assert.rejects(() => read(purchases, refunds.encode({ reason: 'late' })), /a message com\.shop\.Refund/)
    const any = await read(schemaRegistry().protobuf<object>('other-value'), refunds.encode({ reason: 'late' }))
    assert.deepEqual({ ...any }, { reason: 'late' })
  })

  test('a value that would be kept as something else is refused', async () => {
    registry.register('lossy-value', proto(file))
    const codec = await forWriting(schemaRegistry().protobuf<unknown>('lossy-value'))
    for (const [wrong, where] of [
      [{ cents: 'many' }, /cents is many/],
      [{ cents: 1.5 }, /cents is 1\.5/],
      [{ items: [1, 2 ** 40] }, /items\.1/],
      [{ nobody: 1 }, /nobody is unknown to it/],
      [{ kind: 'CASH' }, /kind/],
    ] as const)
      assert.throws(() => codec.encode(wrong), where)
  })

  test('a message that the schema does not have is named', async () => {
    registry.register('absent-value', proto(file))
    const codec = await forWriting(schemaRegistry().protobuf<object>('absent-value', { message: 'Nobody' }))
    assert.throws(() => codec.encode({}), /no message Nobody; it has com\.shop\.Purchase, com\.shop\.Refund/)
  })
})

describe('subjects', () => {
  const card = avro([{ name: 'card', type: 'string' }], 'com.shop.Card')
  const cash = avro([{ name: 'coins', type: 'int' }], 'com.shop.Cash')
  const options = {
    records: ['com.shop.Card', 'com.shop.Cash'],
    recordOf: (value: object) => ('card' in value ? 'com.shop.Card' : 'com.shop.Cash'),
  }

  for (const [subjectStrategy, prefix] of [
    ['record', ''],
    ['topic-record', 'payments-'],
  ] as const) {
    test(`${subjectStrategy}: the record of a value finds its subject`, async () => {
      const ids = [registry.register(`${prefix}com.shop.Card`, card), registry.register(`${prefix}com.shop.Cash`, cash)]
      const codec = await forWriting(schemaRegistry().avro<object>('payments-value', { subjectStrategy, ...options }))
      const written = [{ card: 'x' }, { coins: 3 }].map((value) => codec.encode(value))
      assert.deepEqual(
        written.map((bytes) => bytes?.readInt32BE(1)),
        ids,
      )
      assert.deepEqual(plain(await read(schemaRegistry().avro('payments-value'), written[1] ?? null)), { coins: 3 })
    })
  }

  test('a record that was not named is refused', async () => {
    registry.register('com.shop.Card', card)
    const codec = schemaRegistry().avro<object>('payments-value', {
      subjectStrategy: 'record',
      records: ['com.shop.Card'],
      recordOf: () => 'com.shop.Nobody',
    })
    assert.throws(() => codec.encode({ card: 'x' }), /com\.shop\.Nobody, which is not among/)
  })

  test('protobuf: the record is the message', async () => {
    registry.register(
      'Refund',
      proto('syntax = "proto3"; message Purchase { string user = 1; } message Refund { string reason = 1; }'),
    )
    const codec = await forWriting(
      schemaRegistry().protobuf<object>('refunds-value', { subjectStrategy: 'record', records: ['Refund'] }),
    )
    assert.equal(codec.encode({})?.subarray(5).toString('hex'), '0202')
  })

  test('what does not go together is refused where it is given', () => {
    const { avro, protobuf } = schemaRegistry()
    const wrong: readonly (() => unknown)[] = [
      () => avro(''),
      () => avro('a-value', { subjectStrategy: 'file' as 'topic' }),
      () => avro('a-value', { records: ['A'] }),
      () => avro('a-value', { subjectStrategy: 'record' }),
      () => avro('a-value', { subjectStrategy: 'record', records: ['A', 'B'] }),
      () => avro('a', { subjectStrategy: 'topic-record', records: ['A'] }),
      () => protobuf('a-value', { subjectStrategy: 'record', records: ['A'], message: 'A' }),
      () => schemaRegistry({ url: 'registry:8081' }),
      () => schemaRegistry({ url: 'http://ada:hush@registry:8081' }),
    ]
    for (const make of wrong) assert.throws(make, ConfigurationError)
    assert.throws(
      () => schemaRegistry({ url: 'http://ada:hush@registry' }),
      ({ message }: Error) => !message.includes('hush'),
    )
  })
})

describe('what the registry lacks', () => {
  const bytesOf = (id: number) => Buffer.of(0, 0, 0, 0, id, 2)

  test('an id that it does not know is invalid, and asked for again half a minute later', async () => {
    const codec = schemaRegistry().avro<string>('strings-value')
    const id = registry.register('some-value', avro(purchaseFields)) + 1
    await assert.rejects(() => read(codec, bytesOf(id)), /knows of no schema/)
    assert.equal(registry.register('strings-value', { schema: '"int"' }), id)
    registry.asked.length = 0
    await assert.rejects(() => read(codec, bytesOf(id), 29_000), /knows of no schema/)
    assert.deepEqual(registry.asked, [])
    assert.equal(await read(codec, bytesOf(id), 31_000), 1)
  })

  test('a subject without a schema ends the worker, by name', async () => {
    await assert.rejects(
      () => forWriting(schemaRegistry().avro('nobody-value')),
      (error: Error) => {
        assert.ok(error instanceof FatalError)
        assert.match(error.message, /no schema for subject nobody-value: register one/)
        return true
      },
    )
  })

  test('bytes without its header, and schemas of another kind, are invalid', async () => {
    const codec = schemaRegistry().avro('kinds-value')
    await assert.rejects(() => read(codec, Buffer.from('{"user":"ada"}')), /written without a schema registry/)
    await assert.rejects(() => read(codec, Buffer.of(0, 0, 0)), /written without a schema registry/)
    await assert.rejects(() => read(codec, bytesOf(registry.register('kinds-value', jsonOf({})))), /is one of jsonSchema/)
  })

  test('a schema that cannot be parsed is invalid', async () => {
    const codec = schemaRegistry().avro('broken-value')
    await assert.rejects(
      () => read(codec, bytesOf(registry.register('broken-value', { schema: '{"type":"nothing"}' }))),
      TypeError,
    )
  })

  test('no registry anywhere is said so', async () => {
    const [codec] = preparedIn(schemaRegistry().avro('any-value'))
    await assert.rejects(async () => codec?.prepare('encode', { now: 0, registry: null }), /schemaRegistry\.url/)
  })

  test('refused access ends the worker, without the password', async () => {
    registry.refusal = 401
    const [codec] = preparedIn(schemaRegistry().avro('any-value'))
    const address = { url: registry.url, username: 'ada', password: 'hush' }
    await assert.rejects(
      async () => codec?.prepare('encode', { now: 0, registry: address }),
      (error: Error) => error instanceof FatalError && /refuses access/.test(error.message) && !error.message.includes('hush'),
    )
    registry.refusal = null
  })
})

describe('a registry that is away', () => {
  test('known schemas go on; others are waited for, or are invalid by choice', async () => {
    const id = registry.register('away-value', avro(purchaseFields))
    const waiting = await forWriting(schemaRegistry().avro<Purchase>('away-value'))
    const choosing = await forWriting(schemaRegistry({ onUnavailable: 'invalid' }).avro<Purchase>('away-value'))
    const next = registry.register('away-value', avro([...purchaseFields, shopField]))
    const bytes = waiting.encode({ user: 'ada', cents: 5 })
    assert.equal(bytes?.readInt32BE(1), id)
    const unknown = Buffer.concat([Buffer.of(0, 0, 0, 0, next), bytes.subarray(5), Buffer.of(0)])
    await registry.close()
    for (const codec of [waiting, choosing]) assert.equal((await read(codec, bytes)).user, 'ada')
    await assert.rejects(() => read(waiting, unknown), RegistryUnavailableError)
    await assert.rejects(() => read(choosing, unknown), /not known here, and the registry is away/)
    await registry.open()
    assert.equal((await read(waiting, unknown)).user, 'ada')
    assert.equal((await read(choosing, unknown, 6000)).user, 'ada')
  })

  for (const status of [500, 503]) {
    test(`HTTP ${status} is taken for it`, async () => {
      registry.refusal = status
      await assert.rejects(() => forWriting(schemaRegistry().avro('any-value')), RegistryUnavailableError)
      registry.refusal = null
    })
  }
})

describe('inside of other codecs', () => {
  test('it is found', () => {
    const codec = schemaRegistry().avro<Purchase>('inner-value')
    const composed = [nullable(codec), keyWindows(sessions(codec))]
    for (const outer of composed) assert.deepEqual(preparedIn(outer), [codec])
  })

  test('unprepared, it says what it needs', async () => {
    const codec = schemaRegistry().avro<Purchase>('later-value')
    assert.throws(() => codec.encode({ user: 'ada', cents: 5 }), UnpreparedError)
    const id = registry.register('later-value', avro(purchaseFields))
    const bytes = Buffer.of(0, 0, 0, 0, id, 0, 2)
    assert.throws(() => codec.decode(bytes), UnpreparedError)
    const [prepared] = preparedIn(codec)
    await prepared?.prepare('decode', at())
    assert.deepEqual(plain(codec.decode(bytes)), { user: '', cents: 1 })
  })
})
