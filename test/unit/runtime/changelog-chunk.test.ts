/** A changelog is read in two ways, as writes and record by record, which must say the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changelogKey, progressKey } from '../../../service/commit/changelog-record.ts'
import { FatalError } from '../../../service/errors.ts'
import type { FetchedChunk } from '../../../service/kafka/fetcher.ts'
import { decodeRecords } from '../../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { handOver, readChunk } from '../../../service/runtime/changelog-chunk.ts'
import { MemoryStoreBackend } from '../../../service/state/memory-store.ts'
import { bucketBytes } from '../../../service/state/bucket-bytes.ts'

const place = { topic: 'changelog', partition: 3 }
const nobody = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false, compression: 'none' } as const

function fetched(records: readonly (readonly [key: Buffer, value: Buffer | null])[]): FetchedChunk {
  const builder = new RecordBatchBuilder()
  for (const [key, value] of records) builder.append(key, value, 1)
  const bytes = builder.finish(nobody)
  const { columns, nextOffset } = decodeRecords(bytes, 0, bytes.length, 0, null)
  return { columns, nextOffset, byteLength: bytes.length }
}

const progress = (batch: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      format: 1,
      batch,
      fingerprint: 'f',
      changelogId: 'c',
      positions: [],
      watermark: null,
      upstreamWatermarks: {},
    }),
  )

const bytes = (size: number) => fc.uint8Array({ maxLength: size }).map((array) => Buffer.from(array))
const value = fc.option(fc.oneof(bytes(20), bytes(300)))
const bucket = fc.constantFrom(null, ...[-5, 0, 7].map(bucketBytes))
const record = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.tuple(bucket, bytes(2), value).map(([of, key, written]) => [changelogKey(of, key), written] as const),
  },
  { weight: 1, arbitrary: fc.nat(9).map((batch) => [progressKey, progress(batch)] as const) },
)

test('both ways lead to the same entries, and find the same progress', () =>
  fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), fc.nat(40), async (records, from) => {
      const chunk = fetched(records)
      const ways = [false, true].map(async (isByRecord) => {
        const handle = await new MemoryStoreBackend().acquire({ application: 'app', store: 's', partition: 3 })
        const [begin, to] = [{ position: from, chunk: 0 }, Math.max(from, chunk.nextOffset) + 1]
        await handle.rebuild(from)
        let found = null
        if (isByRecord) {
          handle.applyRecords?.(begin, to, (take) => {
            found = handOver(chunk, from, place, take)
          })
        } else {
          const read = readChunk(chunk, from, place)
          found = read.progress
          await handle.apply({ from: begin, to: { position: to, chunk: 0 }, writes: read.writes })
        }
        const at = { position: to, chunk: 0 }
        const counts = await handle.counts(at, null)
        const pages = [null, ...counts.buckets.map((each) => each.bucket)].map((of) =>
          handle.scan(at, { bucket: of, cursor: null, entriesMax: 1000 }),
        )
        const entries = (await Promise.all(pages)).map((page) =>
          page.entries.map(({ key, value: held }) => `${key.toString('hex')} ${held.toString('hex')}`).toSorted(),
        )
        return { found, counts, entries }
      })
      const [asWrites, byRecord] = await Promise.all(ways)
      assert.deepEqual(byRecord, asWrites)
    }),
  ))

test('what is no record of a changelog is refused alike, with its place', () => {
  const foreign = [Buffer.alloc(0), Buffer.from([3]), Buffer.from('user-1'), Buffer.from([2, 1, 2, 3])]
  const damaged = [progressKey, Buffer.from('{"format":1}')] as const
  for (const bad of [...foreign.map((key) => [key, Buffer.from('v')] as const), damaged]) {
    const chunk = fetched([[changelogKey(null, Buffer.from('a')), Buffer.from('1')], bad])
    const ways = [() => readChunk(chunk, 0, place), () => handOver(chunk, 0, place, () => {})]
    for (const way of ways)
      assert.throws(
        way,
        (error) => error instanceof FatalError && /changelog-3 at offset 1: .*a changelog of this/.test(error.message),
      )
  }
})
