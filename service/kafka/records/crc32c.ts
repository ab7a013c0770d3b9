/** CRC-32C (Castagnoli), the checksum of Kafka's record batches, by the processor's own instructions. */
import { crc32c as ofBuffer } from '@node-rs/crc32'

/** The CRC-32C of `bytes[start, end)`, as an unsigned 32-bit number. */
export const crc32c = (bytes: Buffer, start: number, end: number): number => ofBuffer(bytes.subarray(start, end))
