/** Reads Kafka's primitive types, big-endian, and never past the end of the bytes. */
import { FatalError } from '../../errors.ts'
import { readInt64 } from '../records/int64.ts'

/** Every method throws FatalError when what it is to read is not there. */
export class ByteReader {
  private readonly buffer: Buffer
  private offset = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get remaining(): number {
    return this.buffer.length - this.offset
  }

  int8(): number {
    return this.buffer.readInt8(this.advance(1))
  }

  int16(): number {
    return this.buffer.readInt16BE(this.advance(2))
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.advance(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.advance(4))
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.advance(4))
  }

  int64(): number {
    return readInt64(this.buffer, this.advance(8))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.advance(8))
  }

  /** An unsigned 32-bit number in groups of seven bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.advance(1)] ?? 0
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw malformed(`a varint at byte ${this.offset} has no end`)
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Buffer {
    const start = this.advance(length)
    return this.buffer.subarray(start, this.offset)
  }

  /** A reader of the next `length` bytes alone. */
  part(length: number): ByteReader {
    return new ByteReader(this.bytes(length))
  }

  /** Moves on and returns where it stood. */
  private advance(bytes: number): number {
    const start = this.offset
    if (bytes < 0 || start + bytes > this.buffer.length) {
      throw malformed(`${bytes} bytes are to be read at byte ${start} of ${this.buffer.length}`)
    }
    this.offset = start + bytes
    return start
  }
}

/** The error for bytes that are not the message that they should be. */
export function malformed(why: string): FatalError {
  return new FatalError(`A message of Kafka is malformed: ${why}.`)
}
