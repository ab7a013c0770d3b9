import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FatalError } from '../../../../service/errors.ts'
import { attribute, field, headerBytes } from '../../../../service/kafka/records/batch-header.ts'
import { type Compression, compressions } from '../../../../service/kafka/records/compression.ts'
import { crc32c } from '../../../../service/kafka/records/crc32c.ts'
import { type AbortedTransaction, decodeRecords } from '../../../../service/kafka/records/decode-records.ts'
import { writeInt64 } from '../../../../service/kafka/records/int64.ts'
import { RecordBatchBuilder } from '../../../../service/kafka/records/record-batch-builder.ts'

interface BatchOptions {
  readonly producerId?: number
  readonly transactional?: boolean
  readonly compression?: Compression
}

/** A batch as a broker stores it, at `offset`, with one record for each value. */
function batchAt(offset: number, values: readonly string[], options: BatchOptions = {}): Buffer {
  const { producerId = -1, transactional = producerId >= 0, compression = 'none' } = options
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append('key', value, 1000, [['name', 'content']])
  const batch = builder.finish({ producerId, producerEpoch: 0, firstSequence: 0, transactional, compression })
  writeInt64(batch, offset, field.baseOffset)
  return batch
}

/** The marker that ends a transaction. */
function markerAt(offset: number, producerId: number, type: 'abort' | 'commit'): Buffer {
  const builder = new RecordBatchBuilder()
  builder.append(Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0]), Buffer.alloc(6), 1000)
  const batch = builder.finish({ producerId, producerEpoch: 0, firstSequence: -1, transactional: true, compression: 'none' })
  writeInt64(batch, offset, field.baseOffset)
  return signed(batch, (bytes) => bytes.writeInt16BE(attribute.control | attribute.transactional, field.attributes))
}

/** A batch changed by `change`, with a checksum that matches again. */
function signed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch)
  batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.crc)
  return batch
}

function valuesOf(batches: readonly Buffer[], from: number, aborted: readonly AbortedTransaction[] | null) {
  const bytes = Buffer.concat(batches)
  const { columns, nextOffset } = decodeRecords(bytes, 0, bytes.length, from, aborted)
  const values = Array.from({ length: columns.count }, (_, i) => columns.value(i)?.toString())
  return { values, nextOffset }
}

test('records below the offset asked for are left out', () => {
  const batches = [batchAt(12, ['c', 'd'], { compression: 'gzip' }), batchAt(20, ['e'])]
  assert.deepEqual(valuesOf(batches, 13, null), { values: ['d', 'e'], nextOffset: 21 })
})

test('a range within a buffer is decoded, and a last batch that is cut short is ignored', () => {
  const batches = [batchAt(0, ['a']), batchAt(1, ['b'])]
  const bytes = Buffer.concat([Buffer.alloc(7), ...batches])
  for (let cut = 1; cut < 70; cut++) {
    const { columns, nextOffset } = decodeRecords(bytes, 7, bytes.length - cut, 0, null)
    assert.deepEqual([columns.count, nextOffset], [1, 1])
  }
  assert.deepEqual(valuesOf([], 5, []), { values: [], nextOffset: 5 })
})

test('overlapping transactions: aborted ones are left out batch by batch, whatever order the list has', () => {
  const batches = [
    batchAt(0, ['aborted 1'], { producerId: 1 }),
    batchAt(1, ['aborted 2'], { producerId: 2 }),
    batchAt(2, ['plain']),
    batchAt(3, ['aborted 1'], { producerId: 1 }),
    markerAt(4, 2, 'abort'),
    batchAt(5, ['committed 2'], { producerId: 2 }),
    batchAt(6, ['aborted 1'], { producerId: 1 }),
    markerAt(7, 2, 'commit'),
    markerAt(8, 1, 'abort'),
    batchAt(9, ['committed 1'], { producerId: 1 }),
    batchAt(10, ['idempotent 1'], { producerId: 1, transactional: false }),
    markerAt(11, 1, 'commit'),
  ]
  const aborted = [
    { producerId: 2, firstOffset: 1 },
    { producerId: 1, firstOffset: 0 },
  ]
  const committed = ['plain', 'committed 2', 'committed 1', 'idempotent 1']
  assert.deepEqual(valuesOf(batches, 0, aborted), { values: committed, nextOffset: 12 })
  assert.deepEqual(valuesOf(batches, 0, aborted.toReversed()), { values: committed, nextOffset: 12 })
  assert.equal(valuesOf(batches, 0, null).values.length, 8)
})

test('a control batch at the end moves the offset on', () => {
  assert.deepEqual(valuesOf([markerAt(3, 1, 'commit')], 3, []), { values: [], nextOffset: 4 })
})

test('append time stands for all records of its batch', () => {
  const batch = signed(batchAt(0, ['a', 'b']), (bytes) => {
    bytes.writeInt16BE(attribute.logAppendTime, field.attributes)
    writeInt64(bytes, 9999, field.maxTimestamp)
  })
  const { columns } = decodeRecords(batch, 0, batch.length, 0, null)
  assert.deepEqual([...columns.timestamps], [9999, 9999])
})

test('a wrong checksum, format, length or count is a FatalError that names the offset', () => {
  const damaged = (change: (bytes: Buffer) => void, resign = true) => {
    const batch = batchAt(77, ['value'])
    if (resign) signed(batch, change)
    else change(batch)
    return () => decodeRecords(batch, 0, batch.length, 0, null)
  }
  const flip = (bytes: Buffer) => {
    bytes[headerBytes + 5] = 99
  }
  assert.throws(damaged(flip, false), { name: 'FatalError', message: /offset 77: its checksum/ })
  assert.throws(
    damaged((bytes) => bytes.writeInt8(1, field.magic)),
    FatalError,
  )
  assert.throws(
    damaged((bytes) => bytes.writeInt32BE(10, field.length)),
    FatalError,
  )
  assert.throws(
    damaged((bytes) => bytes.writeInt32BE(-50, field.length)),
    FatalError,
  )
  assert.throws(
    damaged((bytes) => bytes.writeInt32BE(0x7fffffff, field.count)),
    FatalError,
  )
  assert.throws(
    damaged((bytes) => bytes.writeInt32BE(2, field.count)),
    FatalError,
  )
  assert.throws(
    damaged((bytes) => bytes.writeInt16BE(6, field.attributes)),
    FatalError,
  )
})

test('random bytes, cuts and flipped bits end in records or in a FatalError', () => {
  const decodeAll = (bytes: Buffer) => {
    try {
      const { columns } = decodeRecords(bytes, 0, bytes.length, 0, [{ producerId: 5, firstOffset: 0 }])
      for (let i = 0; i < columns.count; i++) {
        columns.key(i)
        columns.value(i)
        columns.headers(i)
      }
    } catch (error) {
      assert.ok(error instanceof FatalError, String(error))
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => decodeAll(Buffer.from(bytes))))
  const flips = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(flips, fc.nat(200), fc.constantFrom(...compressions), (changes, cut, compression) => {
      const whole = batchAt(0, ['one value', 'x'.repeat(200), ''], { compression, producerId: 1 })
      const batch = whole.subarray(0, Math.max(headerBytes, whole.length - cut))
      batch.writeInt32BE(batch.length - 12, field.length)
      decodeAll(
        signed(batch, (bytes) => {
          for (const [at, byte] of changes) if (at > field.magic && at < bytes.length) bytes[at] = byte
        }),
      )
    }),
    { numRuns: 2000 },
  )
})
