/** The fixed header of a record batch, version 2: where its fields stand and what its attributes mean. */
import { readInt64 } from './int64.ts'

/** Where each field starts, in bytes from the start of the batch. */
export const field = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const

/** The header's size; the records follow. */
export const headerBytes = 61

/** The bytes in front of those that the length field counts. */
export const lengthEnd = 12

export const attribute = { compression: 7, logAppendTime: 8, transactional: 16, control: 32 } as const

export interface BatchHeader {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly attributes: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly count: number
}

/** Reads the header of the batch at `start`; the caller has checked that all of it is there. */
export function readBatchHeader(bytes: Buffer, start: number): BatchHeader {
  const baseOffset = readInt64(bytes, start + field.baseOffset)
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(start + field.lastOffsetDelta),
    attributes: bytes.readInt16BE(start + field.attributes),
    baseTimestamp: readInt64(bytes, start + field.baseTimestamp),
    maxTimestamp: readInt64(bytes, start + field.maxTimestamp),
    producerId: readInt64(bytes, start + field.producerId),
    producerEpoch: bytes.readInt16BE(start + field.producerEpoch),
    baseSequence: bytes.readInt32BE(start + field.baseSequence),
    count: bytes.readInt32BE(start + field.count),
  }
}
