/** The header that every record of a repartition topic carries: where it came from, and what of it Kafka's own fields cannot hold. */
import type { KeyKind } from '../codec/text-keys.ts'
import { FatalError } from '../errors.ts'
import { isCount } from '../json-shape.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import { parseKeyKind } from './key-kind.ts'

export const originHeaderName = 'caudal-origin'

export interface OriginHeader {
  readonly keyKind: KeyKind
  /** Absent for rows of tables. `topic`: index into the sorted list of the topology's source topics. */
  readonly origin?: { readonly topic: number; readonly partition: number; readonly offset: number }
  /** The watermark that made the record late, where it was older than that of its own source partition. */
  readonly lateStamp?: number
  /** The event time where it is negative: the record's own timestamp is 0 then. */
  readonly negativeTime?: number
  /** Where the slot begins in which the record was cut at its source; where somebody downstream goes by slots. */
  readonly slot?: number
}

/*
 * version (1 byte) | flags (1) | key kind (1) | origin: topic index (uint16), partition (int32), offset (double)
 * | late stamp (double) | negative time (double) | slot (double); all but the first three where their flag is set. Doubles hold whole numbers up to 2^53.
 */
const version = 1
const flag = { origin: 1, lateStamp: 2, negativeTime: 4, slot: 8 } as const
const flagsKnown = 15
const flagsAt = 1
const fixedBytes = 3
const originBytes = 14

export function encodeOrigin({ keyKind, origin, lateStamp, negativeTime, slot }: OriginHeader): Buffer {
  const bytes = Buffer.allocUnsafe(
    fixedBytes +
      (origin === undefined ? 0 : originBytes) +
      (lateStamp === undefined ? 0 : 8) +
      (negativeTime === undefined ? 0 : 8) +
      (slot === undefined ? 0 : 8),
  )
  let flags = 0
  let at = fixedBytes
  if (origin !== undefined) {
    flags |= flag.origin
    bytes.writeUInt16BE(origin.topic, at)
    bytes.writeInt32BE(origin.partition, at + 2)
    bytes.writeDoubleBE(origin.offset, at + 6)
    at += originBytes
  }
  if (lateStamp !== undefined) {
    flags |= flag.lateStamp
    at = bytes.writeDoubleBE(lateStamp, at)
  }
  if (negativeTime !== undefined) {
    flags |= flag.negativeTime
    at = bytes.writeDoubleBE(negativeTime, at)
  }
  if (slot !== undefined) {
    flags |= flag.slot
    at = bytes.writeDoubleBE(slot, at)
  }
  bytes[0] = version
  bytes[flagsAt] = flags
  bytes[2] = keyKind.charCodeAt(0)
  return bytes
}

/** Whether a record of a repartition topic was late when it came from its source: quicker than `decodeOrigin`, for every record. */
export const isStamped = (columns: RecordColumns, index: number): boolean =>
  (Math.max(0, columns.firstHeaderByte(index, flagsAt)) & flag.lateStamp) !== 0

/** @throws FatalError for bytes of another version or length */
export function decodeOrigin(bytes: Buffer): OriginHeader {
  const flags = bytes[flagsAt] ?? 0
  const expected =
    fixedBytes +
    (flags & flag.origin ? originBytes : 0) +
    (flags & flag.lateStamp ? 8 : 0) +
    (flags & flag.negativeTime ? 8 : 0) +
    (flags & flag.slot ? 8 : 0)
  if (bytes[0] !== version || bytes.length !== expected || flags > flagsKnown) throw unreadable(bytes)
  const header: { -readonly [F in keyof OriginHeader]: OriginHeader[F] } = {
    keyKind: parseKeyKind(String.fromCharCode(bytes[2] ?? 0)),
  }
  let at = fixedBytes
  if (flags & flag.origin) {
    header.origin = { topic: bytes.readUInt16BE(at), partition: bytes.readInt32BE(at + 2), offset: bytes.readDoubleBE(at + 6) }
    at += originBytes
  }
  if (flags & flag.lateStamp) {
    header.lateStamp = bytes.readDoubleBE(at)
    at += 8
  }
  if (flags & flag.negativeTime) {
    header.negativeTime = bytes.readDoubleBE(at)
    at += 8
  }
  if (flags & flag.slot) header.slot = bytes.readDoubleBE(at)
  if (!isWhole(header)) throw unreadable(bytes)
  return header
}

/** Slots and stamps may be infinite where there is none; NaN is nothing, and stands in no order. */
function isWhole({ origin, lateStamp = 0, negativeTime = 0, slot = 0 }: OriginHeader): boolean {
  if (origin !== undefined && !(origin.partition >= 0 && isCount(origin.offset))) return false
  return !Number.isNaN(lateStamp) && Number.isInteger(negativeTime) && negativeTime <= 0 && !Number.isNaN(slot)
}

const unreadable = (bytes: Buffer) =>
  new FatalError(`A record of a repartition topic has a ${originHeaderName} header that this version cannot read.`, {
    fields: { header: bytes.toString('hex') },
  })
