/** A place in a block of bytes from which zigzag varints are read, one after the other. */

/**
 * Reads never leave the block and never fail: past its end they see zeroes, and the caller compares `at` with its bound. A varint that is
 * longer than its type allows moves `at` behind the block.
 */
export class VarintCursor {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /** The next varint, as a signed 32-bit number. The short forms stand here alone so that the method is inlined into the hot loop. */
  int(): number {
    const bytes = this.bytes
    const at = this.at
    const first = bytes[at] ?? 0
    if (first < 128) {
      this.at = at + 1
      return (first >>> 1) ^ -(first & 1)
    }
    const second = bytes[at + 1] ?? 0
    if (second < 128) {
      this.at = at + 2
      return (((first & 127) | (second << 7)) >>> 1) ^ -(first & 1)
    }
    return this.intSlowly()
  }

  private intSlowly(): number {
    let value = 0
    let byte = 128
    for (let shift = 0; byte > 127; shift += 7) {
      if (shift > 28) return this.tooLong()
      byte = this.bytes[this.at++] ?? 0
      value |= (byte & 127) << shift
    }
    return (value >>> 1) ^ -(value & 1)
  }

  /** The next varlong, as a number: exact between -2^52 and 2^52. */
  long(): number {
    const bytes = this.bytes
    const first = bytes[this.at] ?? 0
    const second = bytes[this.at + 1] ?? 0
    if (first < 128) {
      this.at++
      return (first >>> 1) ^ -(first & 1)
    }
    if (second < 128) {
      this.at += 2
      const value = (first & 127) | (second << 7)
      return (value >>> 1) ^ -(value & 1)
    }
    return this.longSlowly()
  }

  private longSlowly(): number {
    let value = 0
    let scale = 1
    for (let byte = 128; byte > 127; scale *= 128) {
      if (scale > 2 ** 63) return this.tooLong()
      byte = this.bytes[this.at++] ?? 0
      value += (byte & 127) * scale
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  private tooLong(): number {
    this.at = this.bytes.length + 1
    return 0
  }
}
