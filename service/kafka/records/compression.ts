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

/**
 * The records of a batch whose attributes name codec `id`.
 * @throws FatalError when the codec is unknown or the bytes are not what it wrote.
 */
export function decompress(id: number, bytes: Buffer): Buffer {
  const compression = compressions[id]
  if (compression === undefined)
    throw new FatalError(`A record batch is compressed with codec ${id}, which Kafka does not define.`)
  try {
    return decompressWith(compression, bytes)
  } catch (cause) {
    if (cause instanceof FatalError) throw cause
    throw new FatalError(`A record batch cannot be decompressed: it is not ${compression}.`, { cause, fields: { compression } })
  }
}

function decompressWith(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes)
    case 'snappy':
      return bytes.subarray(0, 8).equals(xerialMagic) ? uncompressXerial(bytes) : uncompressSnappy(bytes)
    case 'lz4':
      return decompressFrameSync(bytes)
    case 'zstd':
      return zstdDecompressSync(bytes)
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
  for (let at = xerialHeader.length; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const end = at + 4 + length
    if (end > bytes.length) throw new FatalError('A snappy block is cut short.', { fields: { length, at } })
    parts.push(uncompressSnappy(bytes.subarray(at + 4, end)))
    at = end
  }
  return Buffer.concat(parts)
}

function uncompressSnappy(bytes: Buffer): Buffer {
  const plain = uncompressSync(bytes, { asBuffer: true })
  return Buffer.isBuffer(plain) ? plain : Buffer.from(plain)
}
