/** From the record batches of a Fetch answer to columns: checked, filtered by isolation level, decompressed, in one pass over the records. */
import { FatalError } from '../../errors.ts'
import { attribute, type BatchHeader, field, headerBytes, lengthEnd, readBatchHeader } from './batch-header.ts'
import { decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { place, RecordColumns, stride } from './record-columns.ts'
import { VarintCursor } from './varint-cursor.ts'

/** A transaction that was aborted: the batches of its producer from this offset on, up to the producer's next abort marker. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface DecodedRecords {
  readonly columns: RecordColumns
  /** Where to fetch on: behind the last whole batch, whether or not its records were delivered. */
  readonly nextOffset: number
}

/** A batch whose records are to be delivered, decompressed: they stand at `[start, end)` of `block`. */
interface Batch {
  readonly header: BatchHeader
  readonly block: Buffer
  readonly start: number
  readonly end: number
}

/** The shortest record: length, attributes, two deltas, two null lengths, no headers. */
const recordBytesMin = 7

/** Offsets from here on are no exact numbers any more. */
const offsetsEnd = 2 ** 53 - 1

/**
 * Decodes the whole batches in `buffer[start, end)`, leaving out records below `fromOffset` and a last batch that is cut short.
 * With `aborted`, the list of a read_committed answer, records of aborted transactions are left out; with null none are.
 * A broker begins with the batch that holds `fromOffset`, or the next one, and sends that one whole (KIP-74); the checksum does not cover
 * offset and length of a batch, so that this order is all that tells them from wrong ones.
 * @throws FatalError when a batch is not what its checksum, its header, its place or its format says.
 */
export function decodeRecords(
  buffer: Buffer,
  start: number,
  end: number,
  fromOffset: number,
  aborted: readonly AbortedTransaction[] | null,
): DecodedRecords {
  const batches: Batch[] = []
  const isAborted = abortedFilter(aborted ?? [])
  let nextOffset = fromOffset
  let capacity = 0
  for (let at = start; at + lengthEnd <= end; ) {
    const batchEnd = at + lengthEnd + buffer.readInt32BE(at + field.length)
    if (batchEnd > end) break
    const header = checkedHeader(buffer, at, batchEnd)
    if (header.lastOffset < nextOffset || (at > start && header.baseOffset < nextOffset)) {
      throw corrupt(header.baseOffset, `it ends at ${header.lastOffset}, and what comes next is ${nextOffset}`)
    }
    const batch = { header, block: buffer, start: at + headerBytes, end: batchEnd }
    const isControl = (header.attributes & attribute.control) !== 0
    if (!isAborted(batch) && !isControl && header.lastOffset >= fromOffset) {
      const plain = decompressed(batch)
      capacity += plain.header.count
      batches.push(plain)
    }
    nextOffset = header.lastOffset + 1
    at = batchEnd
  }
  if (nextOffset === fromOffset && end > start) throw corrupt(fromOffset, `it is cut short after ${end - start} bytes`)
  const columns = new RecordColumns(capacity)
  for (const batch of batches) decodeBatch(batch, fromOffset, columns)
  return { columns, nextOffset }
}

function checkedHeader(buffer: Buffer, start: number, end: number): BatchHeader {
  if (end - start < headerBytes) throw corrupt(start, 'its header is cut short')
  const magic = buffer[start + field.magic]
  if (magic !== 2) throw corrupt(start, `its format is version ${magic}, and only version 2 is read`)
  const header = readBatchHeader(buffer, start)
  if (crc32c(buffer, start + field.attributes, end) !== buffer.readUInt32BE(start + field.crc)) {
    throw corrupt(header.baseOffset, 'its checksum does not match')
  }
  if (header.count < 0 || header.lastOffset < header.baseOffset || header.baseOffset < 0 || header.lastOffset >= offsetsEnd) {
    throw corrupt(header.baseOffset, 'its header contradicts itself')
  }
  return header
}

function decompressed(batch: Batch): Batch {
  const codec = batch.header.attributes & attribute.compression
  const block = codec === 0 ? batch.block : unpacked(batch, codec)
  const plain = codec === 0 ? batch : { header: batch.header, block, start: 0, end: block.length }
  // A count that lies must not decide how much memory is taken.
  if (plain.header.count * recordBytesMin > plain.end - plain.start) {
    throw corrupt(batch.header.baseOffset, `it cannot hold the ${plain.header.count} records that it announces`)
  }
  return plain
}

function unpacked({ header, block, start, end }: Batch, codec: number): Buffer {
  try {
    return decompress(codec, block.subarray(start, end))
  } catch (cause) {
    if (!(cause instanceof FatalError)) throw cause
    throw new FatalError(`A record batch is corrupt at offset ${header.baseOffset}: ${cause.message}`, {
      cause,
      fields: { ...cause.fields, offset: header.baseOffset },
    })
  }
}

/**
 * A predicate to be asked for every batch in order. The list is sorted by first offset and matched batch by batch: several
 * transactions of different producers may overlap, and one producer may have several.
 */
function abortedFilter(aborted: readonly AbortedTransaction[]): (batch: Batch) => boolean {
  if (aborted.length === 0) return () => false
  const waiting = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset)
  const aborting = new Set<number>()
  return (batch) => {
    const { attributes, lastOffset, producerId } = batch.header
    for (let next = waiting.at(-1); next !== undefined && next.firstOffset <= lastOffset; next = waiting.at(-1)) {
      aborting.add(next.producerId)
      waiting.pop()
    }
    if ((attributes & attribute.control) !== 0) {
      if (isAbortMarker(batch)) aborting.delete(producerId)
      return false
    }
    return (attributes & attribute.transactional) !== 0 && aborting.has(producerId)
  }
}

/**
 * Whether a control batch ends an aborted transaction: its one record has the key (version int16, type int16), type 0. Compaction leaves
 * batches without a record. @throws FatalError for one that has another key: what follows it may be committed, or not
 */
function isAbortMarker({ header, block, start, end }: Batch): boolean {
  if (header.count < 1) return false
  const cursor = new VarintCursor(block, start)
  cursor.int()
  cursor.at += 1
  cursor.long()
  cursor.int()
  const keyLength = cursor.int()
  if (keyLength < 4 || cursor.at + keyLength > end) throw corrupt(header.baseOffset, 'its control record cannot be read')
  return block.readInt16BE(cursor.at + 2) === 0
}

/** The hot loop: appends the records of one batch to `columns`, which have room for them. */
function decodeBatch({ header, block, start, end }: Batch, fromOffset: number, columns: RecordColumns): void {
  const { offsets, timestamps, places, blocks } = columns
  if (blocks.at(-1) !== block) blocks.push(block)
  const blockIndex = blocks.length - 1
  const { baseOffset, baseTimestamp, count } = header
  const hasAppendTime = (header.attributes & attribute.logAppendTime) !== 0
  const cursor = new VarintCursor(block, start)
  let row = columns.count
  let byteLength = 0
  let before = baseOffset - 1
  for (let left = count; left > 0; left--) {
    const length = cursor.int()
    const recordEnd = cursor.at + length
    cursor.at++ // The attributes of a record are unused.
    const timestamp = baseTimestamp + cursor.long()
    const offset = baseOffset + cursor.int()
    const keyLength = cursor.int()
    const keyStart = cursor.at
    if (keyLength > 0) cursor.at += keyLength
    const valueLength = cursor.int()
    const valueStart = cursor.at
    if (valueLength > 0) cursor.at += valueLength
    const headers = cursor.at
    if (keyLength < -1 || valueLength < -1 || length < 0 || headers >= recordEnd || recordEnd > end) {
      throw corrupt(offset, 'a record leaves its bounds')
    }
    if (block[headers] === 0) cursor.at++
    else checkHeaders(cursor, recordEnd, offset)
    if (cursor.at !== recordEnd) throw corrupt(offset, 'a record is shorter than it says')
    if (offset <= before || offset > header.lastOffset) throw corrupt(offset, `a record of that offset follows ${before}`)
    before = offset
    if (offset >= fromOffset) {
      offsets[row] = offset
      timestamps[row] = hasAppendTime ? header.maxTimestamp : timestamp
      const at = row * stride
      places[at + place.block] = blockIndex
      places[at + place.keyStart] = keyStart
      places[at + place.keyLength] = keyLength
      places[at + place.valueStart] = valueStart
      places[at + place.valueLength] = valueLength
      places[at + place.headers] = headers
      byteLength += recordEnd - keyStart
      row++
    }
  }
  if (cursor.at !== end) throw corrupt(baseOffset, `${end - cursor.at} bytes follow its last record`)
  columns.count = row
  columns.byteLength += byteLength
}

/** Walks over a record's headers, so that reading them later cannot leave the record. */
function checkHeaders(cursor: VarintCursor, end: number, offset: number): void {
  let left = cursor.int()
  // Each header takes two bytes at least.
  if (left < 0 || left * 2 > end - cursor.at) throw corrupt(offset, 'its headers leave its bounds')
  for (; left > 0; left--) {
    const nameLength = cursor.int()
    if (nameLength < 0) throw corrupt(offset, 'a header has no name')
    cursor.at += nameLength
    const contentLength = cursor.int()
    if (contentLength > 0) cursor.at += contentLength
    if (cursor.at > end) throw corrupt(offset, 'its headers leave its bounds')
  }
}

function corrupt(offset: number, why: string): FatalError {
  return new FatalError(`A record batch is corrupt at offset ${offset}: ${why}.`, { fields: { offset } })
}
