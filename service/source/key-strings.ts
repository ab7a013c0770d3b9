/** Keys as strings without making each anew: keys repeat, and a string that was looked up before has its hash with it. */

const slots = 8192
const bytesMax = 64

/** A direct-mapped table: what does not fit into it is read as ever. */
export class KeyStrings {
  readonly #strings: string[] = Array.from({ length: slots }, () => '')

  /** Bytes [start, end) as Latin-1. */
  read(block: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > bytesMax) return block.latin1Slice(start, end)
    let hash = length
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (block[i] ?? 0)) | 0
    const slot = (hash ^ (hash >>> 13)) & (slots - 1)
    const known = this.#strings[slot] ?? ''
    if (known.length === length && isAt(known, block, start)) return known
    const read = block.latin1Slice(start, end)
    this.#strings[slot] = read
    return read
  }
}

function isAt(text: string, block: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== block[start + i]) return false
  return true
}
