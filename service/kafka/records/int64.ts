/** 64-bit integers as numbers: exact up to 2^53, which no offset, time or producer id reaches. */

const high = 4294967296

/** Reads a signed big-endian 64-bit integer; the caller has checked that 8 bytes are there. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * high + bytes.readUInt32BE(at + 4)
}

/** Writes an integer as a signed big-endian 64-bit one; the caller has made room for 8 bytes. */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const upper = Math.floor(value / high)
  // The default of an unknown high watermark, 2^63 - 1, is 2^63 as a number: one too many for the upper half.
  if (upper > 0x7fffffff) {
    bytes.fill(255, at, at + 8)
    bytes[at] = 127
    return
  }
  bytes.writeInt32BE(upper, at)
  bytes.writeUInt32BE(value - upper * high, at + 4)
}
