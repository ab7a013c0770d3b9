/** Writes Kafka's primitive types, big-endian, into a growing buffer; large byte strings are appended without a copy. */
import { writeInt64 } from '../records/int64.ts'

/** Byte strings from this length on are passed on as they are: below, a copy costs less than one more buffer to send. */
const byReferenceBytes = 1024

export class ByteWriter {
  /** What is finished, in order; the open rest is `buffer[start, offset)`. */
  private readonly parts: Buffer[] = []
  private buffer: Buffer
  private start = 0
  private offset = 0
  private partsLength = 0

  constructor(initialBytes = 512) {
    this.buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.partsLength + this.offset - this.start
  }

  int8(value: number): void {
    this.makeRoom(1)
    this.offset = this.buffer.writeInt8(value, this.offset)
  }

  int16(value: number): void {
    this.makeRoom(2)
    this.offset = this.buffer.writeInt16BE(value, this.offset)
  }

  uint16(value: number): void {
    this.makeRoom(2)
    this.offset = this.buffer.writeUInt16BE(value, this.offset)
  }

  int32(value: number): void {
    this.makeRoom(4)
    this.offset = this.buffer.writeInt32BE(value, this.offset)
  }

  uint32(value: number): void {
    this.makeRoom(4)
    this.offset = this.buffer.writeUInt32BE(value, this.offset)
  }

  int64(value: number): void {
    this.makeRoom(8)
    writeInt64(this.buffer, value, this.offset)
    this.offset += 8
  }

  float64(value: number): void {
    this.makeRoom(8)
    this.offset = this.buffer.writeDoubleBE(value, this.offset)
  }

  /** An unsigned 32-bit number in groups of seven bits. */
  varint(value: number): void {
    this.makeRoom(5)
    let rest = value >>> 0
    for (; rest > 127; rest >>>= 7) this.buffer[this.offset++] = (rest & 127) | 128
    this.buffer[this.offset++] = rest
  }

  /** Bytes without a length. Long ones are kept by reference: they must not change before the frame was sent. */
  bytes(value: Buffer): void {
    if (value.length >= byReferenceBytes) {
      this.closePart()
      this.parts.push(value)
      this.partsLength += value.length
      return
    }
    this.makeRoom(value.length)
    value.copy(this.buffer, this.offset)
    this.offset += value.length
  }

  /** Everything written, in order. */
  finish(): Buffer[] {
    this.closePart()
    return this.parts
  }

  private closePart(): void {
    if (this.offset === this.start) return
    this.parts.push(this.buffer.subarray(this.start, this.offset))
    this.partsLength += this.offset - this.start
    this.start = this.offset
  }

  private makeRoom(bytes: number): void {
    if (this.offset + bytes <= this.buffer.length) return
    const open = this.offset - this.start
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, open + bytes))
    this.buffer.copy(grown, 0, this.start, this.offset)
    this.buffer = grown
    this.start = 0
    this.offset = open
  }
}
