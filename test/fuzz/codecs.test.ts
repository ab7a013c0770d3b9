import assert from 'node:assert/strict'
import { serialize } from 'node:v8'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { bytes } from '../../service/codec/bytes.ts'
import type { Codec } from '../../service/codec/codec.ts'
import { float64 } from '../../service/codec/float64.ts'
import { hoppingState } from '../../service/codec/hopping.ts'
import { int64 } from '../../service/codec/int64.ts'
import { inverseState } from '../../service/codec/inverse.ts'
import { json } from '../../service/codec/json.ts'
import { keyWindows } from '../../service/codec/key-windows.ts'
import { markerState } from '../../service/codec/marker-sessions.ts'
import { nullable } from '../../service/codec/nullable.ts'
import { preparedIn } from '../../service/codec/prepared.ts'
import { schemaRegistry } from '../../service/codec/schema-registry.ts'
import { sessions } from '../../service/codec/sessions.ts'
import { slidingState } from '../../service/codec/sliding.ts'
import { storedRecords } from '../../service/codec/stored-records.ts'
import { structured } from '../../service/codec/structured.ts'
import { sumAndCount } from '../../service/codec/sum-and-count.ts'
import { text } from '../../service/codec/text.ts'
import { topParts, topStates } from '../../service/codec/top.ts'
import { FatalError } from '../../service/errors.ts'
import { StoredValues } from '../../service/state/stored-values.ts'
import type { StoreSpec } from '../../service/topology/node.ts'
import { FakeRegistry } from '../support/fake-registry.ts'
import { damaged, damages, fuzz, noise, Outcomes } from '../support/fuzz.ts'

const any = json() as Codec<unknown>
const record = {
  time: 5,
  stamp: -1,
  origin: { topic: 't', partition: 1, offset: 9 },
  headers: [['h', Buffer.from('x')]],
  value: 'v',
}
const row = { key: 'k', keyKind: 's', value: { n: 1 } }

/** Each codec that state or records are kept in, with a value of it. */
const codecs: readonly (readonly [Codec<never>, unknown])[] = [
  [json(), { a: [1, 'two', null] }],
  [text(), 'text'],
  [bytes(), Buffer.from('bytes')],
  [float64(), 1.5],
  [int64(), 7n],
  [nullable(int64()), 7n],
  [structured(), { date: new Date(5), map: new Map([[1, new Set(['a'])]]), array: new Float64Array(3), big: 5n }],
  [sumAndCount, { sum: 1, count: 2 }],
  [sessions(any), [{ start: 1, last: 2, value: 'a' }]],
  [hoppingState(any), { next: 5, older: [{ start: 1, stamp: 2, value: 'a' }], newest: { start: 3, stamp: 4, value: 'b' } }],
  [
    inverseState({ aggregate: float64() as Codec<unknown>, values: any }),
    { next: 1, aggregate: 2, slots: [{ start: 1, pieces: [[1]] }] },
  ],
  [slidingState({ slice: any, value: any }), { closed: 1, slices: [{ time: 1, stamp: 2, value: 'a', untaken: [record] }] }],
  [storedRecords(any), [record]],
  [markerState({ aggregate: any, value: any }), { open: { start: 1, last: 2, value: 'a' }, waiting: [record] }],
  [keyWindows(sessions(any)), { marks: [1, 2], state: [{ start: 1, last: 2, value: 'a' }] }],
  [topParts(any), { partition: 1, isFinal: false, rows: [row] }],
  [topStates(any), { final: [row], open: [{ partition: 1, rows: [row] }] }],
] as unknown as (readonly [Codec<never>, unknown])[] // prettier-ignore

describe('values in state', () => {
  for (const [codec, value] of codecs) {
    test(`${codec.name}: bytes that it did not write name their store and key, or are read`, (t) => {
      const outcomes = new Outcomes()
      const spec = { name: 'sums', shape: 'keyed', codec } as unknown as StoreSpec
      const values = new StoredValues(spec, true)
      const valid = values.encode('k', value)
      const isOurs = (error: Error) =>
        error instanceof FatalError && error.message.startsWith('Store sums, key "k"') && error.message.includes(codec.name)
      fuzz(1_000, [damages], (all) => void outcomes.of(() => values.decode('k', damaged(valid, all)), isOurs))
      fuzz(300, [noise], (some) => void outcomes.of(() => values.decode('k', some), isOurs))
      t.diagnostic(`${outcomes.read} read, ${outcomes.refused} refused`)
      // Any bytes are text, or bytes.
      assert.ok(outcomes.refused > 0 || ['text', 'bytes'].includes(codec.name))
    })
  }

  test('nesting without end is refused, or read, and never overflows the stack', () => {
    const outcomes = new Outcomes()
    const isOurs = (error: Error) => error instanceof FatalError && error.message.startsWith('Store sums')
    const valuesOf = (codec: unknown) => new StoredValues({ name: 'sums', shape: 'keyed', codec } as unknown as StoreSpec, true)
    for (const depth of [1_000, 100_000, 500_000]) {
      const nested = Buffer.from('['.repeat(depth) + ']'.repeat(depth))
      outcomes.of(() => valuesOf(json()).decode('k', nested), isOurs)
      // V8's own format: an array of one element (A, 1), again and again.
      const head = serialize(1).subarray(0, 2)
      const arrays = Buffer.concat([head, Buffer.alloc(2 * depth, Buffer.from('A\x01', 'latin1'))])
      outcomes.of(() => valuesOf(structured()).decode('k', arrays), isOurs)
    }
  })
})

describe('values of a schema registry', () => {
  let registry: FakeRegistry
  before(async () => {
    registry = await FakeRegistry.start()
    registry.register('avro-value', {
      schema: JSON.stringify({
        type: 'record',
        name: 'Purchase',
        fields: [
          { name: 'user', type: 'string' },
          { name: 'cents', type: 'long' },
          { name: 'tags', type: { type: 'array', items: 'string' } },
          { name: 'shop', type: ['null', 'string'], default: null },
        ],
      }),
    })
    registry.register('json-value', { schemaType: 'JSON', schema: JSON.stringify({ type: 'object', required: ['user'] }) })
    registry.register('protobuf-value', {
      schemaType: 'PROTOBUF',
      schema:
        'syntax = "proto3"; message First { message Inner { string s = 1; } string user = 1; int64 cents = 2; repeated int32 ns = 3; Inner inner = 4; }' +
        ' message Second { double d = 1; First first = 2; }',
    })
  })
  after(() => registry.close())

  const value = { user: 'ada', cents: 100, tags: ['a', 'b'], shop: 'x' }
  const kinds = {
    avro: { subject: 'avro-value', value },
    jsonSchema: { subject: 'json-value', value },
    protobuf: { subject: 'protobuf-value', value: { user: 'ada', cents: '100', ns: [1, 2], inner: { s: 'x' } } },
  } as const

  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    test(`${kind}: bytes that do not fit are an error, also behind the right id, and take no time`, async (t) => {
      const outcomes = new Outcomes()
      const codec = schemaRegistry({ url: registry.url })[kind]<unknown>(kinds[kind].subject)
      const at = { now: 0, registry: null }
      for (const part of preparedIn(codec)) await part.prepare('encode', at)
      const valid = codec.encode(kinds[kind].value)
      assert.ok(valid !== null)
      for (const part of preparedIn(codec)) {
        part.foresee(valid, 0, valid.length)
        await part.prepare('decode', at)
      }
      assert.deepEqual(JSON.parse(JSON.stringify(codec.decode(valid))).user, 'ada')
      // The source's onInvalid takes any error, and says topic, partition and offset with it.
      const isOurs = (error: Error) => error.message.length > 0 && !/Maximum call stack/.test(error.message)
      fuzz(2_000, [damages, fc.boolean()], (all, keepsId) => {
        outcomes.of(() => codec.decode(damaged(valid, all, keepsId ? 5 : 0)), isOurs)
      })
      fuzz(1_000, [noise], (some) => void outcomes.of(() => codec.decode(Buffer.concat([valid.subarray(0, 5), some])), isOurs))
      outcomes.tell(t)
    })
  }

  test('avro: counts that are not followed by so many elements, and lengths that are negative, end at once', async () => {
    const codec = schemaRegistry({ url: registry.url }).avro<unknown>('avro-value')
    for (const part of preparedIn(codec)) await part.prepare('encode', { now: 0, registry: null })
    // Behind the id: user "a", cents 1, then the blocks of tags.
    const withTags = (blocks: string) => Buffer.concat([Buffer.from('00000000010261', 'hex'), Buffer.from(`02${blocks}`, 'hex')])
    assert.deepEqual((codec.decode(withTags('0202620000')) as { readonly tags: unknown }).tags, ['b'])
    assert.throws(() => codec.decode(withTags('808080802002620000')), /a block of 2147483648 elements is cut short|cut short/)
    assert.throws(() => codec.decode(withTags('02030000')), /truncated/)
  })
})
