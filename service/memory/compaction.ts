/** Log compaction: the newest record of each key stays where it is, so that holes in the offsets come about. */
import { attribute, headerBytes, readBatchHeader } from '../kafka/records/batch-header.ts'
import { decompress } from '../kafka/records/compression.ts'
import { VarintCursor } from '../kafka/records/varint-cursor.ts'
import type { PartitionLog } from './partition-log.ts'
import { isControl, type StoredBatch, sealBatch } from './stored-batch.ts'

interface RawRecord {
  readonly offset: number
  readonly key: string | null
  readonly isTombstone: boolean
  readonly bytes: Buffer
}

/** Compacts everything below the last stable offset; records of aborted transactions go, control batches and open transactions stay. */
export function compactLog(log: PartitionLog, options: { readonly dropTombstones: boolean }): void {
  const stable = log.batches.filter((batch) => batch.header.lastOffset < log.lastStableOffset)
  const live = stable.filter((batch) => !log.isAborted(batch.header))
  const newest = new Map<string, number>()
  for (const batch of live) {
    if (isControl(batch.header)) continue
    for (const record of rawRecords(batch)) if (record.key !== null) newest.set(record.key, record.offset)
  }
  const stays = ({ key, offset, isTombstone }: RawRecord) =>
    key !== null && newest.get(key) === offset && !(isTombstone && options.dropTombstones)
  log.replaceStable(live.flatMap((batch) => (isControl(batch.header) ? [batch] : withRecords(batch, stays))))
}

/** The same batch with fewer records, uncompressed: offsets, sequences and timestamps are those of before. None, if none stays. */
function withRecords(batch: StoredBatch, stays: (record: RawRecord) => boolean): StoredBatch[] {
  const all = rawRecords(batch)
  const records = all.filter(stays)
  if (records.length === all.length) return [batch]
  if (records.length === 0) return []
  const bytes = Buffer.concat([batch.bytes.subarray(0, headerBytes), ...records.map((record) => record.bytes)])
  sealBatch(bytes, batch.header.attributes & ~attribute.compression, records.length)
  return [{ header: readBatchHeader(bytes, 0), bytes }]
}

function rawRecords({ header, bytes }: StoredBatch): RawRecord[] {
  const codec = header.attributes & attribute.compression
  const body = codec === 0 ? bytes.subarray(headerBytes) : decompress(codec, bytes.subarray(headerBytes))
  const cursor = new VarintCursor(body, 0)
  const records: RawRecord[] = []
  for (let i = 0; i < header.count; i++) {
    const start = cursor.at
    const length = cursor.int()
    const end = cursor.at + length
    cursor.at += 1
    cursor.long()
    const offset = header.baseOffset + cursor.int()
    const keyLength = cursor.int()
    const key = keyLength < 0 ? null : body.latin1Slice(cursor.at, cursor.at + keyLength)
    cursor.at += Math.max(0, keyLength)
    records.push({ offset, key, isTombstone: cursor.int() < 0, bytes: body.subarray(start, end) })
    cursor.at = end
  }
  return records
}
