/** Measures the record codec on records of 240 bytes, beside JSON.parse of the same values in the same run. `node test/bench/records.ts` */
import { loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import { crc32c } from '../../service/kafka/records/crc32c.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'

const recordsPerBatch = 1000
const batchesPerChunk = 8
const rounds = 40
const warmUpRounds = 10
const identity = { producerId: 1, producerEpoch: 0, firstSequence: 0, transactional: true, compression: 'none' } as const

const texts = Array.from({ length: recordsPerBatch }, (_, i) => {
  const event = {
    user: 'u'.repeat(36),
    page: 'p'.repeat(36),
    ad: String(i).padStart(36, 'a'),
    type: 'banner',
    event: 'view',
    time: i,
  }
  return JSON.stringify(event).padEnd(240)
})
const values = texts.map((text) => Buffer.from(text))
const keys = texts.map((_, i) => `key-${i}`)
const keyBytes = keys.map((key) => Buffer.from(key))

const builder = new RecordBatchBuilder(1 << 19)
function build(batchKeys: readonly (Buffer | string)[], batchValues: readonly (Buffer | string)[]): Buffer {
  builder.reset()
  for (let i = 0; i < recordsPerBatch; i++)
    builder.append(batchKeys[i] ?? null, batchValues[i] ?? null, 1_700_000_000_000 + i * 3)
  return builder.finish(identity)
}
const batch = build(keyBytes, values)
const chunk = Buffer.concat(Array.from({ length: batchesPerChunk }, () => batch))
const recordsPerChunk = recordsPerBatch * batchesPerChunk

/** What is measured, with the records that one call handles. */
const cases = [
  { name: 'JSON.parse', records: recordsPerBatch, run: () => texts.map((text) => JSON.parse(text)) },
  { name: 'decode', records: recordsPerChunk, run: () => decodeRecords(chunk, 0, chunk.length, 0, []) },
  { name: 'of that, crc32c', records: recordsPerChunk, run: () => crc32c(chunk, 0, chunk.length) },
  { name: 'build from bytes', records: recordsPerBatch, run: () => build(keyBytes, values) },
  { name: 'build from strings', records: recordsPerBatch, run: () => build(keys, texts) },
]

// Interleaved, and the median of each: what else the machine does then falls on all of them.
const times = cases.map(() => [] as number[])
for (let round = 0; round < rounds; round++) {
  for (const [i, { records, run }] of cases.entries()) {
    const start = performance.now()
    for (let done = 0; done < recordsPerChunk; done += records) run()
    if (round >= warmUpRounds) times[i]?.push(((performance.now() - start) * 1e6) / recordsPerChunk)
  }
}
const medians = times.map((each) => each.toSorted((a, b) => a - b)[each.length >> 1] ?? Number.NaN)
const [parse = Number.NaN] = medians
console.log(`load ${loadavg()[0]?.toFixed(2)}, Node ${process.version}`)
for (const [i, { name }] of cases.entries()) {
  const median = medians[i] ?? Number.NaN
  console.log(`${name.padEnd(20)} ${median.toFixed(0).padStart(5)} ns a record   ${(median / parse).toFixed(2)} × JSON.parse`)
}
