import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { FatalError } from '../../service/errors.ts'
import { attribute, field, headerBytes, lengthEnd } from '../../service/kafka/records/batch-header.ts'
import { type Compression, compressionId, compressions } from '../../service/kafka/records/compression.ts'
import { crc32c } from '../../service/kafka/records/crc32c.ts'
import { type AbortedTransaction, decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { writeInt64 } from '../../service/kafka/records/int64.ts'
import { RecordBatchBuilder, type RecordHeader } from '../../service/kafka/records/record-batch-builder.ts'
import { damaged, damages, fuzz, noise, Outcomes } from '../support/fuzz.ts'

interface Content {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly time: number
  readonly headers: readonly RecordHeader[]
}

interface Written {
  readonly compression: Compression
  readonly producerId: number
  readonly records: readonly Content[]
}

const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)))
const content: fc.Arbitrary<Content> = fc.record({
  key: bytes,
  value: fc.oneof(bytes, fc.constant(Buffer.alloc(300, 'long'))),
  time: fc.integer({ min: 0, max: 2 ** 42 }),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 8 }), bytes), { maxLength: 3 }),
})
const written: fc.Arbitrary<Written> = fc.record({
  compression: fc.constantFrom(...compressions),
  producerId: fc.constantFrom(-1, 5, 6),
  records: fc.array(content, { minLength: 1, maxLength: 5 }),
})
const log = fc.array(written, { minLength: 1, maxLength: 3 })

const firstOffset = 1_000

function batchOf({ compression, producerId, records }: Written, offset: number): Buffer {
  const builder = new RecordBatchBuilder()
  for (const { key, value, time, headers } of records) builder.append(key, value, time, headers)
  const identity = { producerId, producerEpoch: 0, firstSequence: 0, transactional: producerId >= 0, compression }
  const batch = builder.finish(identity)
  writeInt64(batch, offset, field.baseOffset)
  return Buffer.from(batch)
}

function batchesOf(batches: readonly Written[]): Buffer[] {
  let offset = firstOffset
  return batches.map((batch) => {
    const made = batchOf(batch, offset)
    offset += batch.records.length
    return made
  })
}

const resigned = (batch: Buffer): Buffer => {
  if (batch.length < headerBytes) return batch
  batch.writeInt32BE(batch.length - lengthEnd, field.length)
  batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.crc)
  return batch
}

/** All that a reader can see of records, so that reading it is tried too. */
function shown(bytes: Buffer, aborted: readonly AbortedTransaction[] | null = null) {
  const { columns, nextOffset } = decodeRecords(bytes, 0, bytes.length, firstOffset, aborted)
  const records = Array.from({ length: columns.count }, (_, i) => ({
    offset: columns.offsets[i],
    time: columns.timestamps[i],
    key: columns.key(i)?.toString('hex'),
    latin1: columns.keyLatin1(i)?.length,
    value: columns.value(i)?.toString('hex'),
    headers: columns.headers(i).map(([name, value]) => [name, value?.toString('hex')]),
    flags: columns.firstHeaderByte(i, 1),
  }))
  return { records, nextOffset }
}

const isOurs = (error: Error): boolean =>
  error instanceof FatalError && /^A record batch (is corrupt at offset -?[\d.e+]+|cannot|is compressed)/.test(error.message)

describe('record batches', () => {
  test('what was damaged on its way is refused, or read as it was written', (t) => {
    const outcomes = new Outcomes()
    fuzz(3_000, [log, damages], (batches, all) => {
      const parts = batchesOf(batches)
      const original = Buffer.concat(parts)
      const { records, nextOffset } = shown(original)
      const changed = damaged(original, all)
      const found = outcomes.of(() => shown(changed), isOurs)
      if (found === null) return
      const count = found.records.length
      // No checksum covers the offset of a batch: a higher one is seen where it lies behind the end of the log (fetcher.test.ts), or others follow.
      let start = 0
      const isMoved = parts.some(({ length }) => {
        const place = [start, start + field.length] as const
        start += length
        return !changed.subarray(...place).equals(original.subarray(...place))
      })
      const withoutOffsets = (all: typeof records) => all.map((record) => ({ ...record, offset: isMoved ? 0 : record.offset }))
      // A last batch that is cut short is fetched again, from where the reading ended.
      assert.deepEqual(withoutOffsets(found.records), withoutOffsets(records.slice(0, count)))
      if (!isMoved) assert.equal(found.nextOffset, count === records.length ? nextOffset : records[count]?.offset)
    })
    outcomes.tell(t)
  })

  test('what somebody wrote and signed that is no batch is refused, or has records that can be read', (t) => {
    const outcomes = new Outcomes()
    fuzz(3_000, [written, damages, fc.boolean()], (batch, all, isFiltered) => {
      const changed = resigned(damaged(batchOf(batch, firstOffset), all, field.attributes))
      const found = outcomes.of(() => shown(changed, isFiltered ? [{ producerId: 5, firstOffset: 0 }] : null), isOurs)
      const offsets = found?.records.map(({ offset }) => offset ?? Number.NaN) ?? []
      for (const [i, offset] of offsets.entries()) assert.ok(offset > (offsets[i - 1] ?? firstOffset - 1), offsets.join(' '))
      if (found !== null) assert.ok(Number.isSafeInteger(found.nextOffset) && found.nextOffset > (offsets.at(-1) ?? firstOffset))
    })
    outcomes.tell(t)
  })

  test('records of an aborted transaction are not read, whatever its marker holds', (t) => {
    const outcomes = new Outcomes()
    fuzz(1_000, [written, damages], (batch, all) => {
      const aborted = { ...batch, producerId: 5 }
      const committed = { ...batch, producerId: 6 }
      const offset = firstOffset + batch.records.length
      const marker = resigned(damaged(markerAt(offset, 5), all, headerBytes))
      const log = Buffer.concat([batchOf(aborted, firstOffset), marker, batchOf(committed, offset + 1)])
      const found = outcomes.of(() => shown(log, [{ producerId: 5, firstOffset }]), isOurs)
      if (found !== null) assert.equal(found.records.length, batch.records.length)
    })
    outcomes.tell(t)
  })

  test('noise is refused, also behind a header', (t) => {
    const outcomes = new Outcomes()
    const header = batchOf({ compression: 'none', producerId: -1, records: [] }, firstOffset).subarray(0, headerBytes)
    fuzz(2_000, [noise, fc.boolean(), fc.nat(7)], (bytes, hasHeader, codec) => {
      if (!hasHeader) return void outcomes.of(() => shown(bytes), isOurs)
      const batch = Buffer.concat([header, bytes])
      batch.writeInt16BE(codec, field.attributes)
      batch.writeInt32BE(3, field.count)
      outcomes.of(() => shown(resigned(batch)), isOurs)
    })
    outcomes.tell(t)
  })

  for (const magic of [0, 1, 3, 127]) {
    test(`format ${magic} is refused by its number`, () => {
      const batch = batchOf({ compression: 'none', producerId: -1, records: [plain] }, firstOffset)
      batch[field.magic] = magic
      assert.throws(() => shown(batch), { name: 'FatalError', message: new RegExp(`version ${magic}`) })
    })
  }

  test('a length of 2 GB is refused, without room being made for it', () => {
    for (const length of [2 ** 31 - 1, 2 ** 30, 70_000, 0, -1, -(2 ** 31)]) {
      const batch = batchOf({ compression: 'none', producerId: -1, records: [plain] }, firstOffset)
      batch.writeInt32BE(length, field.length)
      assert.throws(() => shown(batch), isOurs, `${length}`)
    }
  })

  test('offsets that go back, or lie before what was asked for, are refused', () => {
    const [one, two] = batchesOf([single, single])
    assert.ok(one && two)
    for (const offset of [firstOffset, firstOffset - 1, 0, -1, -(2 ** 62), 2 ** 62]) {
      const second = Buffer.from(two)
      writeInt64(second, offset, field.baseOffset)
      assert.throws(() => shown(Buffer.concat([one, second])), isOurs, `${offset}`)
    }
    const before = Buffer.from(one)
    writeInt64(before, firstOffset - 1, field.baseOffset)
    assert.throws(() => shown(Buffer.concat([before, two])), isOurs)
  })

  for (const [compression, bomb] of Object.entries(bombs())) {
    test(`${compression}: a batch that unpacks to gigabytes is refused before it has`, () => {
      const batch = Buffer.concat([batchOf(single, firstOffset).subarray(0, headerBytes), bomb])
      batch.writeInt16BE(compressionId(compression as Compression), field.attributes)
      const before = process.memoryUsage().arrayBuffers
      assert.throws(() => shown(resigned(batch)), {
        name: 'FatalError',
        message: /at offset 1000.*unpacks to more than 134217728 bytes/,
      })
      const grown = process.memoryUsage().arrayBuffers - before
      assert.ok(grown < 300e6, `${grown} bytes`)
    })
  }
})

const plain: Content = { key: null, value: Buffer.from('value'), time: 0, headers: [] }
const single: Written = { compression: 'none', producerId: -1, records: [plain] }

/** The marker of an abort. */
function markerAt(offset: number, producerId: number): Buffer {
  const abort: Content = { key: Buffer.alloc(4), value: Buffer.alloc(6), time: 0, headers: [] }
  const batch = batchOf({ compression: 'none', producerId, records: [abort] }, offset)
  batch.writeInt16BE(attribute.control | attribute.transactional, field.attributes)
  return resigned(batch)
}

/** 150 MB of zeroes each. */
function bombs(): Partial<Record<Compression, Buffer>> {
  const zeroes = Buffer.alloc(30_000_000)
  const times = <T>(value: T) => Array.from({ length: 5 }, () => value)
  const member = gzipSync(zeroes, { level: 9 })
  const lz4 = compressFrameSync(zeroes)
  // Header, blocks, end mark: the blocks again and again.
  const [start, blocks, end] = [lz4.subarray(0, 7), lz4.subarray(7, -4), lz4.subarray(-4)]
  const block = compressSync(zeroes)
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)
  const xerial = Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
  return {
    gzip: Buffer.concat(times(member)),
    zstd: zstdCompressSync(Buffer.alloc(150_000_000), { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
    lz4: Buffer.concat([start, ...times(blocks), end]),
    snappy: Buffer.concat([xerial, ...times(Buffer.concat([length, block]))]),
  }
}
