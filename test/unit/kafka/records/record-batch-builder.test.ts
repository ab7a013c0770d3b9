import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { field, headerBytes, readBatchHeader } from '../../../../service/kafka/records/batch-header.ts'
import { compressions } from '../../../../service/kafka/records/compression.ts'
import { decodeRecords } from '../../../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder, type RecordHeader, sizeOf } from '../../../../service/kafka/records/record-batch-builder.ts'

const identity = {
  producerId: 4_000_000_001,
  producerEpoch: 3,
  firstSequence: 70,
  transactional: true,
  compression: 'none',
} as const

const content = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const header: fc.Arbitrary<RecordHeader> = fc.tuple(fc.string({ unit: 'grapheme', maxLength: 20 }), content)
const record = fc.record({
  key: content,
  value: content,
  timestamp: fc.oneof(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }), fc.integer({ min: -1e15, max: 1e15 })),
  headers: fc.option(fc.array(header, { maxLength: 4 }), { nil: undefined }),
})

const bytesOf = (each: Buffer | string | null) => (each === null ? null : Buffer.from(each))

test('records come back as they were appended, under every compression', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), fc.constantFrom(...compressions), (records, compression) => {
      const builder = new RecordBatchBuilder(100)
      for (const { key, value, timestamp, headers } of records) {
        const before = builder.byteLength
        builder.append(key, value, timestamp, headers)
        assert.ok(builder.byteLength - before <= sizeOf(key, value, headers))
      }
      const batch = builder.finish({ ...identity, compression })
      const { columns, nextOffset } = decodeRecords(batch, 0, batch.length, 0, [])
      assert.equal(nextOffset, records.length)
      assert.equal(columns.count, records.length)
      for (const [i, { key, value, timestamp, headers }] of records.entries()) {
        assert.equal(columns.offsets[i], i)
        assert.equal(columns.timestamps[i], timestamp)
        assert.deepEqual(columns.key(i), bytesOf(key))
        assert.deepEqual(columns.value(i), bytesOf(value))
        assert.equal(columns.keyLatin1(i), bytesOf(key)?.toString('latin1') ?? null)
        assert.equal(columns.keyLength(i), bytesOf(key)?.length ?? -1)
        assert.equal(columns.valueLength(i), bytesOf(value)?.length ?? -1)
        const range = columns.valueBuffer(i).subarray(columns.valueStart(i), columns.valueEnd(i))
        assert.deepEqual(range, bytesOf(value) ?? Buffer.alloc(0))
        const expected = (headers ?? []).map(([name, each]) => [name, bytesOf(each)])
        assert.equal(columns.hasHeaders(i), expected.length > 0)
        assert.deepEqual(columns.headers(i), expected)
      }
    }),
  )
})

test('the header carries the identity, the deltas and the newest time', () => {
  const builder = new RecordBatchBuilder()
  builder.append('a', 'b', 1000)
  builder.append('a', 'b', 5000)
  builder.append('a', 'b', 500)
  const batch = builder.finish(identity)
  assert.deepEqual(readBatchHeader(batch, 0), {
    baseOffset: 0,
    lastOffset: 2,
    attributes: 16,
    baseTimestamp: 1000,
    maxTimestamp: 5000,
    producerId: 4_000_000_001,
    producerEpoch: 3,
    baseSequence: 70,
    count: 3,
  })
  assert.equal(batch.readInt32BE(field.length), batch.length - 12)
  assert.equal(builder.byteLength, batch.length)
})

test('what finish returned stays as it is when the builder goes on', () => {
  const builder = new RecordBatchBuilder()
  builder.append('key', 'first', 1)
  const batch = builder.finish(identity)
  const copy = Buffer.from(batch)
  builder.reset()
  assert.equal(builder.count, 0)
  assert.equal(builder.byteLength, headerBytes)
  builder.append('other', 'second', 2)
  const second = builder.finish(identity)
  assert.deepEqual(batch, copy)
  assert.equal(decodeRecords(second, 0, second.length, 0, null).columns.value(0)?.toString(), 'second')
})

test('records can be finished again under another identity', () => {
  const builder = new RecordBatchBuilder()
  builder.append('key', 'value', 1)
  builder.finish(identity)
  const again = builder.finish({ ...identity, producerEpoch: 4, firstSequence: 0 })
  assert.equal(readBatchHeader(again, 0).producerEpoch, 4)
  assert.equal(decodeRecords(again, 0, again.length, 0, null).columns.count, 1)
})
