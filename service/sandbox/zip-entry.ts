/** Reads one file out of a zip archive (a jar), so that no `unzip` is needed. */
import { inflateRawSync } from 'node:zlib'

const endOfDirectory = 0x06054b50
const directoryEntry = 0x02014b50
const stored = 0
const deflated = 8

/** The bytes of the entry `name`; checked by nobody but the caller's digest. @throws RangeError when it isn't there or the archive isn't a zip */
export function zipEntry(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0 || archive.readUInt32LE(end) !== endOfDirectory) throw new RangeError('this is not a zip archive')
  const entries = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let entry = 0; entry < entries; entry++) {
    if (archive.readUInt32LE(at) !== directoryEntry)
      throw new RangeError(`the directory of the zip archive breaks off at byte ${at}`)
    const nameLength = archive.readUInt16LE(at + 28)
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) return contents(archive, at)
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  throw new RangeError(`the zip archive has no entry ${name}`)
}

/** The sizes come from the directory: the header beside the bytes may leave them out. */
function contents(archive: Buffer, at: number): Buffer {
  const method = archive.readUInt16LE(at + 10)
  const length = archive.readUInt32LE(at + 20)
  const header = archive.readUInt32LE(at + 42)
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28)
  const bytes = archive.subarray(start, start + length)
  if (method === stored) return bytes
  if (method === deflated) return inflateRawSync(bytes)
  throw new RangeError(`the zip archive compresses with method ${method}, which is not read here`)
}
