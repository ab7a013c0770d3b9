import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { z } from 'zod'
import { rangeDecoderOf, writableEncoderOf } from '../../../service/codec/codec.ts'
import { json } from '../../../service/codec/json.ts'
import { ConfigurationError } from '../../../service/errors.ts'

test('what JSON has no text for is refused', () => {
  for (const value of [undefined, () => 1, Symbol('x')]) {
    assert.throws(() => json<unknown>().encode(value), /json\(\) cannot encode (undefined|function|symbol)/)
    assert.throws(() => writableEncoderOf(json<unknown>())(value), TypeError)
  }
  assert.throws(() => json<bigint>().encode(1n), TypeError)
})

test('bytes that are no JSON are refused, a byte order mark too', () => {
  for (const bytes of ['', '{', '\uFEFF{}', 'undefined']) {
    assert.throws(() => json().decode(Buffer.from(bytes)), SyntaxError)
    assert.throws(() => rangeDecoderOf(json())(Buffer.from(`1${bytes}1`), 1, 1 + Buffer.byteLength(bytes)), SyntaxError)
  }
})

test('a schema checks and transforms when decoding', () => {
  const codec = json(z.object({ n: z.number(), list: z.array(z.object({ at: z.string() })), more: z.string().default('none') }))
  assert.deepEqual(codec.decode(Buffer.from('{"n":1,"list":[],"x":2}')), { n: 1, list: [], more: 'none' })
  assert.throws(() => codec.decode(Buffer.from('{"n":"1","list":[{"at":5}]}')), /does not fit its schema: n: .*; list\.0\.at: /)
  assert.equal(writableEncoderOf(codec)({ n: 1, list: [], more: 'm' }), '{"n":1,"list":[],"more":"m"}')
})

test('of many issues some are shown', () => {
  const codec = json(z.array(z.number()))
  assert.throws(() => codec.decode(Buffer.from('["a","b","c","d","e","f","g"]')), /0: .*; 4: .*; and 2 more$/)
})

test('one schema is one codec, and no schema is one codec', () => {
  const schema = z.number()
  assert.equal(json(schema), json(schema))
  assert.equal(json(), json())
  assert.notEqual(json(schema), json(z.number()))
})

test('a schema that validates asynchronously is refused as a fault of the topology, whether it accepts or rejects', async () => {
  const asynchronous = z.string().refine(async (value) => value !== 'bad')
  for (const bytes of ['"good"', '"bad"']) assert.throws(() => json(asynchronous).decode(Buffer.from(bytes)), ConfigurationError)
  const rejecting: StandardSchemaV1 = {
    '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('nobody waits for this')) },
  }
  assert.throws(() => json(rejecting).decode(Buffer.from('1')), /\(of test\) validates asynchronously; codecs are synchronous/)
  await new Promise((resolve) => setImmediate(resolve)) // An unhandled rejection would fail the test here.
})
