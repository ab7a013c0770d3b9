/** Codecs of a schema registry against a real one: round trips through a topology, evolution, and the registry gone on the way. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Codec } from '../../service/codec/codec.ts'
import { preparedIn } from '../../service/codec/prepared.ts'
import { schemaRegistry } from '../../service/codec/schema-registry.ts'
import { stream } from '../../service/dsl/source.ts'
import { topology } from '../../service/dsl/topology.ts'
import { RegistryUnavailableError } from '../../service/errors.ts'
import { testDriver } from '../../service/runtime/driver.ts'
import { Apicurio, noApicurio } from '../support/apicurio.ts'

interface Purchase {
  readonly user: string
  readonly cents: number
}

const avro = (...more: readonly object[]) => ({
  schema: JSON.stringify({
    type: 'record',
    name: 'Purchase',
    namespace: 'com.shop',
    fields: [{ name: 'user', type: 'string' }, { name: 'cents', type: 'int' }, ...more],
  }),
})
const jsonSchema = {
  schemaType: 'JSON',
  schema: JSON.stringify({
    type: 'object',
    properties: { user: { type: 'string' }, cents: { type: 'integer' } },
    required: ['user', 'cents'],
  }),
}
const protobuf = {
  schemaType: 'PROTOBUF',
  schema: `syntax = "proto3";
package com.shop;
enum Kind { UNKNOWN = 0; }
message Refund { string reason = 1; }
message Purchase { string user = 1; int32 cents = 2; Kind kind = 3; }
`,
}

/** The codec in source, repartition topic, state and sink. */
const sums = (codec: Codec<Purchase>) =>
  topology(
    'sums',
    stream('purchases', { value: codec })
      .keyBy(({ user }) => user, { value: codec })
      .reduce('sums', (left, right) => ({ ...right, cents: left.cents + right.cents }), { state: codec })
      .to('sums', { value: codec }),
  )

describe('against a real schema registry', { skip: noApicurio }, () => {
  let registry: Apicurio
  before(async () => {
    registry = await Apicurio.start()
  })
  after(() => registry.stop())

  const written = async (codec: Codec<unknown>, value: unknown): Promise<Buffer> => {
    for (const part of preparedIn(codec)) await part.prepare('encode', { now: 0, registry: null })
    const bytes = codec.encode(value)
    assert.ok(bytes !== null)
    return bytes
  }
  const read = async (codec: Codec<unknown>, bytes: Buffer): Promise<unknown> => {
    for (const part of preparedIn(codec)) {
      part.foresee(bytes, 0, bytes.length)
      await part.prepare('decode', { now: 0, registry: null })
    }
    return JSON.parse(JSON.stringify(codec.decode(bytes)))
  }

  for (const [kind, schema] of [
    ['avro', avro()],
    ['jsonSchema', jsonSchema],
    ['protobuf', protobuf],
  ] as const) {
    test(`${kind}: a topology reads, keeps and writes it`, async () => {
      const subject = `${kind}-value`
      const id = await registry.register(subject, schema)
      const { avro, jsonSchema, protobuf } = schemaRegistry({ url: registry.url })
      const codecs = {
        avro: () => avro<Purchase>(subject),
        jsonSchema: () => jsonSchema<Purchase>(subject),
        protobuf: () => protobuf<Purchase>(subject, { message: 'com.shop.Purchase' }),
      }
      const driver = await testDriver(sums(codecs[kind]()), { partitions: 2 })
      driver.send('purchases', { value: { user: 'ada', cents: 5 } }, { value: { user: 'eve', cents: 1 } })
      await driver.drain()
      driver.send('purchases', { value: { user: 'ada', cents: 2 } })
      await driver.drain()
      const rows = driver.read<Purchase>('sums').map(({ value }) => `${value.user} ${value.cents}`)
      assert.deepEqual(rows.toSorted(), ['ada 5', 'ada 7', 'eve 1'])
      const bytes = await written(codecs[kind]() as Codec<unknown>, { user: 'ada', cents: 7 })
      assert.equal(bytes.readInt32BE(1), id)
      await driver.stop()
    })
  }

  test('schemas evolve: compatible ones are read as the reader has them, others the registry refuses', async () => {
    const url = registry.url
    await registry.register('evolved-value', avro())
    await registry.compatible('evolved-value', 'BACKWARD')
    const old = await written(schemaRegistry({ url }).avro('evolved-value'), { user: 'ada', cents: 5 })
    await registry.register('evolved-value', avro({ name: 'shop', type: 'string', default: 'web' }))
    const newer = await written(schemaRegistry({ url }).avro('evolved-value'), { user: 'eve', cents: 6, shop: 'b' })
    await assert.rejects(() => registry.register('evolved-value', avro({ name: 'required', type: 'string' })), /HTTP 409/)
    const readerSchema = JSON.parse(avro({ name: 'shop', type: 'string', default: 'web' }).schema) as object
    const reader = schemaRegistry({ url }).avro<unknown>('evolved-value', { readerSchema })
    assert.deepEqual(await read(reader, old), { user: 'ada', cents: 5, shop: 'web' })
    assert.deepEqual(await read(reader, newer), { user: 'eve', cents: 6, shop: 'b' })
    const strict = JSON.parse(avro({ name: 'required', type: 'string' }).schema) as object
    const incompatible = schemaRegistry({ url }).avro<unknown>('evolved-value', { readerSchema: strict })
    await assert.rejects(() => read(incompatible, old), /readerSchema cannot read/)
  })

  test('what it does not have is told apart from its being away', async () => {
    const codec = schemaRegistry({ url: registry.url }).avro('nobody-value') as Codec<unknown>
    await assert.rejects(() => read(codec, Buffer.of(0, 0x40, 0, 0, 0, 2)), /knows of no schema/)
    await assert.rejects(() => written(codec, {}), /no schema for subject nobody-value/)
  })

  test('gone in the middle of a run, known schemas go on, and unknown ones wait', async () => {
    await registry.register('gone-value', avro())
    const codec = schemaRegistry({ url: registry.url }).avro<Purchase>('gone-value')
    const driver = await testDriver(sums(codec))
    driver.send('purchases', { value: { user: 'ada', cents: 5 } })
    await driver.drain()
    await registry.kill()
    driver.send('purchases', { value: { user: 'ada', cents: 2 } })
    await driver.drain()
    assert.deepEqual(
      driver.read<Purchase>('sums').map(({ value }) => value.cents),
      [5, 7],
    )
    await assert.rejects(() => read(codec as Codec<unknown>, Buffer.of(0, 0, 0, 0, 99, 2)), RegistryUnavailableError)
    await driver.stop()
  })
})
