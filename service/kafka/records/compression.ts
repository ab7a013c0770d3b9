/** Compression of record batches: the five codecs of Kafka, synchronous, in the framings that the Java client writes. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync, uncompressSync } from 'snappy'
import { FatalError } from '../../errors.ts'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** Each codec's number, as in the attributes of a batch. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** The attribute bits of `compression`. */
export const compressionId = (compression: Compression): number => compressions.indexOf(compression)

// Batches are written once and read a few times: the fastest level gives most of the gain.
const gzipOptions = { level: 1 }
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Compresses the records of a batch. */
export function compress(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, gzipOptions)
    case 'snappy':
      return compressXerial(bytes)
    case 'lz4':
      return compressFrameSync(bytes)
    case 'zstd':
      return zstdCompressSync(bytes, zstdOptions)
  }
}

/** More than any producer puts into a batch: what claims to be longer must not ask for memory first. */
const plainBytesMax = 2 ** 27

/**
 * The records of a batch whose attributes name codec `id`.
 * @throws FatalError when the codec is unknown, the bytes are not what it wrote, or they unpack to more than a batch can be.
 */
export function decompress(id: number, bytes: Buffer): Buffer {
  const compression = compressions[id]
  if (compression === undefined)
    throw new FatalError(`A record batch is compressed with codec ${id}, which Kafka does not define.`)
  try {
    return decompressWith(compression, bytes)
  } catch (cause) {
    if (cause instanceof FatalError) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(compression)
    throw new FatalError(`A record batch cannot be decompressed: it is not ${compression}.`, { cause, fields: { compression } })
  }
}

function decompressWith(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: plainBytesMax })
    case 'snappy':
      return bytes.subarray(0, 8).equals(xerialMagic) ? uncompressXerial(bytes) : uncompressSnappy(bytes)
    case 'lz4':
      if (lz4BytesAtMost(bytes) > plainBytesMax) throw tooLarge(compression)
      return decompressFrameSync(bytes)
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: plainBytesMax })
  }
}

// The framing of xerial's snappy-java: magic, version 1, compatible with 1, then blocks with their length in front.
const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1')
const xerialHeader = Buffer.concat([xerialMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const xerialBlockBytes = 32 * 1024

function compressXerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [xerialHeader]
  for (let start = 0; start < bytes.length; start += xerialBlockBytes) {
    const block = compressSync(bytes.subarray(start, start + xerialBlockBytes))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

function uncompressXerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let left = plainBytesMax
  for (let at = xerialHeader.length; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const end = at + 4 + length
    if (end > bytes.length) throw new FatalError('A snappy block is cut short.', { fields: { length, at } })
    const part = uncompressSnappy(bytes.subarray(at + 4, end), left)
    left -= part.length
    parts.push(part)
    at = end
  }
  return Buffer.concat(parts)
}

/** A block begins with the length that it unpacks to, as a varint. */
function uncompressSnappy(bytes: Buffer, bytesMax = plainBytesMax): Buffer {
  let announced = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i] ?? 0
    announced += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) break
  }
  if (announced > bytesMax) throw tooLarge('snappy')
  const plain = uncompressSync(bytes, { asBuffer: true })
  return Buffer.isBuffer(plain) ? plain : Buffer.from(plain)
}

const lz4 = { headerBytesMin: 7, blockBytesMax: [0, 0, 0, 0, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22], expansionMax: 255 } as const

/** How much a frame can unpack to: the lengths of its blocks are all in front of them, and none unpacks to more than its header says. */
function lz4BytesAtMost(bytes: Buffer): number {
  if (bytes.length < lz4.headerBytesMin) return 0
  const flags = bytes[4] ?? 0
  const blockBytesMax = lz4.blockBytesMax[((bytes[5] ?? 0) >> 4) & 7] ?? 0
  const [hasBlockChecksum, hasContentSize, hasDictionary] = [flags & 16, flags & 8, flags & 1]
  let most = 0
  for (let at = lz4.headerBytesMin + (hasContentSize ? 8 : 0) + (hasDictionary ? 4 : 0); at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at) & 0x7fffffff
    if (length === 0) break
    most += Math.min(blockBytesMax, length * lz4.expansionMax)
    at += 4 + length + (hasBlockChecksum ? 4 : 0)
  }
  return most
}

const tooLarge = (compression: Compression): FatalError =>
  new FatalError(`A record batch that is compressed with ${compression} unpacks to more than ${plainBytesMax} bytes.`, {
    fields: { compression },
  })
