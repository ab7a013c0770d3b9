/** The partition of a key, as Java's default partitioner has it, for keys that are text as well as for bytes. */
import { partitionForKey } from '../kafka/records/murmur2.ts'

const shortBytesMax = 256
/** A view for every length of a short key: the hash reads bytes, and a view costs more than the hash. */
const scratch = Buffer.alloc(shortBytesMax)
const views = Array.from({ length: shortBytesMax + 1 }, (_, length) => scratch.subarray(0, length))

/** `key`: bytes, or text that is written as UTF-8. */
export function partitionOfKey(key: Buffer | string, partitions: number): number {
  return partitionForKey(typeof key === 'string' ? bytesOf(key) : key, partitions)
}

function bytesOf(text: string): Buffer {
  const view = views[text.length]
  if (view === undefined) return Buffer.from(text)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return Buffer.from(text)
    view[i] = code
  }
  return view
}
