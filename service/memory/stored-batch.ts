/** Encoded record batches as a broker handles them: checked, re-based without recompression, and the control batches that it writes. */
import { attribute, type BatchHeader, field, headerBytes, lengthEnd, readBatchHeader } from '../kafka/records/batch-header.ts'
import { crc32c } from '../kafka/records/crc32c.ts'
import { writeInt64 } from '../kafka/records/int64.ts'
import { nextSequence } from '../kafka/records/record-batch-builder.ts'

/** A batch in a log: its header and its own bytes, which nobody changes. */
export interface StoredBatch {
  readonly header: BatchHeader
  readonly bytes: Buffer
}

export const isTransactional = (header: BatchHeader): boolean => (header.attributes & attribute.transactional) !== 0
export const isControl = (header: BatchHeader): boolean => (header.attributes & attribute.control) !== 0

export const lastSequence = (header: BatchHeader): number => nextSequence(header.baseSequence, header.count - 1)

/** Whether the bytes are exactly one whole batch of format v2. */
export function isOneBatch(bytes: Buffer): boolean {
  return bytes.length > headerBytes && bytes[field.magic] === 2 && lengthEnd + bytes.readInt32BE(field.length) === bytes.length
}

export function hasValidChecksum(bytes: Buffer): boolean {
  return crc32c(bytes, field.attributes, bytes.length) === bytes.readUInt32BE(field.crc)
}

/** A copy of the batch at another place in the log: base offset and leader epoch lie outside the checksum. */
export function rebaseBatch(bytes: Buffer, baseOffset: number, leaderEpoch: number): StoredBatch {
  const copy = Buffer.from(bytes)
  writeInt64(copy, baseOffset, field.baseOffset)
  copy.writeInt32BE(leaderEpoch, field.leaderEpoch)
  return { header: readBatchHeader(copy, 0), bytes: copy }
}

export interface Marker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly commit: boolean
  readonly timestamp: number
}

/** The control batch that ends a transaction on a partition: one record, key (version 0, type 0 abort or 1 commit). */
export function controlBatch(marker: Marker): Buffer {
  // Attributes, two deltas, key length 4, version and type, value length 6: version and coordinator epoch; no headers.
  const record = Buffer.from([0, 0, 0, 8, 0, 0, 0, marker.commit ? 1 : 0, 12, 0, 0, 0, 0, 0, 0, 0])
  const batch = Buffer.alloc(headerBytes + 1 + record.length)
  batch[headerBytes] = record.length * 2
  record.copy(batch, headerBytes + 1)
  writeInt64(batch, marker.timestamp, field.baseTimestamp)
  writeInt64(batch, marker.timestamp, field.maxTimestamp)
  writeInt64(batch, marker.producerId, field.producerId)
  batch.writeInt16BE(marker.producerEpoch, field.producerEpoch)
  batch.writeInt32BE(-1, field.baseSequence)
  return sealBatch(batch, attribute.transactional | attribute.control, 1)
}

/** Fills in length, magic, attributes, count and checksum of a batch whose other fields are there. */
export function sealBatch(batch: Buffer, attributes: number, count: number): Buffer {
  batch.writeInt32BE(batch.length - lengthEnd, field.length)
  batch[field.magic] = 2
  batch.writeInt16BE(attributes, field.attributes)
  batch.writeInt32BE(count, field.count)
  batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.crc)
  return batch
}
