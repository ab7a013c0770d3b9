/** Writes records straight into a record batch, version 2: no record objects, one pass, the header at the end. */
import { attribute, field, headerBytes, lengthEnd } from './batch-header.ts'
import { type Compression, compress, compressionId } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { writeInt64 } from './int64.ts'

export type RecordHeader = readonly [string, Buffer | string | null]

/** What `finish` writes into the header of the batch. */
export interface BatchIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly transactional: boolean
  readonly compression: Compression
}

/** Of a batch that no transaction and no numbered producer stands behind. */
export const outsideTransactions: BatchIdentity = {
  producerId: -1,
  producerEpoch: -1,
  firstSequence: -1,
  transactional: false,
  compression: 'none',
}

/** The sequence of the record that comes `count` records after the one with `sequence`: after 2^31 − 1 they go on at 0. */
export const nextSequence = (sequence: number, count: number): number => (sequence + count) % 0x80000000

/** More than the lengths, deltas and attributes of one record can take, and of one header. */
const recordOverheadBytes = 5 + 1 + 10 + 5 + 5 + 5 + 5
const headerOverheadBytes = 10

/** An upper bound of the bytes that a record adds to a batch, so that a caller can split before it appends. */
export function sizeOf(key: Buffer | string | null, value: Buffer | string | null, headers?: readonly RecordHeader[]): number {
  let bytes = recordOverheadBytes + bytesMax(key) + bytesMax(value)
  if (headers !== undefined) {
    for (const [name, content] of headers) bytes += headerOverheadBytes + bytesMax(name) + bytesMax(content)
  }
  return bytes
}

// A UTF-16 unit takes three bytes at most; counting exactly would read the string twice.
function bytesMax(content: Buffer | string | null): number {
  if (content === null) return 0
  return typeof content === 'string' ? content.length * 3 : content.length
}

/** One batch in the making. The records of a batch go to one partition; their offsets are given by the broker. */
export class RecordBatchBuilder {
  /** Records appended since the last `reset`. */
  count = 0
  private buffer: Buffer
  private offset = headerBytes
  private baseTimestamp = 0
  private maxTimestamp = 0
  private handedOver = false

  constructor(initialBytes = 16_384) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(initialBytes, headerBytes))
  }

  /** Bytes so far, uncompressed, with the 61 bytes of the header. */
  get byteLength(): number {
    return this.offset
  }

  sizeOf(key: Buffer | string | null, value: Buffer | string | null, headers?: readonly RecordHeader[]): number {
    return sizeOf(key, value, headers)
  }

  /** Adds a record; strings are written as UTF-8. `timestamp` is in whole milliseconds since 1970. */
  append(key: Buffer | string | null, value: Buffer | string | null, timestamp: number, headers?: readonly RecordHeader[]): void {
    if (this.count === 0) {
      this.baseTimestamp = timestamp
      this.maxTimestamp = timestamp
    } else if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp
    }
    const delta = zigzag(timestamp - this.baseTimestamp)
    const keyLength = byteLengthOf(key)
    const valueLength = byteLengthOf(value)
    const headersLength = headers === undefined ? 1 : headersByteLength(headers)
    const length =
      1 + varlongBytes(delta) + varintBytes(this.count * 2) + contentBytes(keyLength) + contentBytes(valueLength) + headersLength
    this.makeRoom(length + 5)
    this.writeVarint(length * 2)
    this.writeByte(0)
    this.writeVarlong(delta)
    this.writeVarint(this.count * 2)
    this.writeContent(key, keyLength)
    this.writeContent(value, valueLength)
    if (headers === undefined) this.writeByte(0)
    else this.writeHeaders(headers)
    this.count++
  }

  /**
   * The finished batch. Its bytes are the caller's to send, and to send again; they stay as they are when the builder is reset.
   * May be called again, for the same records under another identity, when nothing of the earlier bytes is on its way any more.
   */
  finish(identity: BatchIdentity): Buffer {
    const batch = this.compressed(identity.compression)
    const attributes = compressionId(identity.compression) | (identity.transactional ? attribute.transactional : 0)
    writeInt64(batch, 0, field.baseOffset)
    batch.writeInt32BE(batch.length - lengthEnd, field.length)
    batch.writeInt32BE(-1, field.leaderEpoch)
    batch.writeInt8(2, field.magic)
    batch.writeInt16BE(attributes, field.attributes)
    batch.writeInt32BE(this.count - 1, field.lastOffsetDelta)
    writeInt64(batch, this.baseTimestamp, field.baseTimestamp)
    writeInt64(batch, this.maxTimestamp, field.maxTimestamp)
    writeInt64(batch, identity.producerId, field.producerId)
    batch.writeInt16BE(identity.producerEpoch, field.producerEpoch)
    batch.writeInt32BE(identity.firstSequence, field.baseSequence)
    batch.writeInt32BE(this.count, field.count)
    batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.crc)
    return batch
  }

  /** Empties the builder. */
  reset(): void {
    // A socket may still hold what `finish` returned, so those bytes are left to it.
    if (this.handedOver) this.buffer = Buffer.allocUnsafeSlow(this.buffer.length)
    this.recycle()
  }

  /** Empties the builder where nobody holds what `finish` returned any more: those bytes will be written over. */
  recycle(): void {
    this.handedOver = false
    this.count = 0
    this.offset = headerBytes
  }

  private compressed(compression: Compression): Buffer {
    const plain = this.buffer.subarray(0, this.offset)
    if (compression !== 'none') {
      const records = compress(compression, plain.subarray(headerBytes))
      return Buffer.concat([plain.subarray(0, headerBytes), records])
    }
    this.handedOver = true
    return plain
  }

  private makeRoom(bytes: number): void {
    if (this.offset + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.offset + bytes))
    this.buffer.copy(grown, 0, 0, this.offset)
    this.buffer = grown
    this.handedOver = false
  }

  private writeByte(byte: number): void {
    this.buffer[this.offset++] = byte
  }

  /** `value` is zigzag-encoded: below 2^32. */
  private writeVarint(value: number): void {
    const buffer = this.buffer
    let offset = this.offset
    let rest = value >>> 0
    for (; rest > 127; rest >>>= 7) buffer[offset++] = (rest & 127) | 128
    buffer[offset++] = rest
    this.offset = offset
  }

  private writeVarlong(value: number): void {
    let rest = value
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) this.writeByte((rest % 128) | 128)
    this.writeVarint(rest)
  }

  private writeContent(content: Buffer | string | null, length: number): void {
    if (content === null) {
      this.writeByte(1) // The zigzag form of -1.
      return
    }
    this.writeVarint(length * 2)
    // As many bytes as characters: it is ASCII, and copying it takes a third of the time that encoding it would.
    if (typeof content !== 'string') this.buffer.set(content, this.offset)
    else if (content.length === length) this.buffer.latin1Write(content, this.offset, length)
    else this.buffer.utf8Write(content, this.offset, length)
    this.offset += length
  }

  private writeHeaders(headers: readonly RecordHeader[]): void {
    this.writeVarint(headers.length * 2)
    for (const [name, content] of headers) {
      this.writeContent(name, byteLengthOf(name))
      this.writeContent(content, byteLengthOf(content))
    }
  }
}

declare global {
  interface Buffer {
    // Node's own, without the checks of write(string, offset, length).
    utf8Write(text: string, offset: number, length: number): number
    latin1Write(text: string, offset: number, length: number): number
  }
}

function byteLengthOf(content: Buffer | string | null): number {
  if (content === null) return -1
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length
}

/** Bytes of a key, a value or a header's part with its length in front; `length` is -1 for null. */
function contentBytes(length: number): number {
  return length < 0 ? 1 : varintBytes(length * 2) + length
}

function headersByteLength(headers: readonly RecordHeader[]): number {
  let bytes = varintBytes(headers.length * 2)
  for (const [name, content] of headers) bytes += contentBytes(byteLengthOf(name)) + contentBytes(byteLengthOf(content))
  return bytes
}

/** Small numbers of either sign as small unsigned ones: 0, -1, 1, -2 become 0, 1, 2, 3. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}

function varlongBytes(value: number): number {
  let bytes = 0
  let rest = value
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes++
  return bytes + varintBytes(rest)
}
