/**
 * Bytes of entries in pages outside of the heap, where a collector has nothing to trace. An entry that has become too large for its place, or
 * less than half of it, gets another; a page that is more than half garbage is emptied into the present one. What is kept is therefore at
 * most four times what is there, and as a rule little more than it.
 */

/** Where an entry is: the number of its page, and its first byte there. */
export type Placed = (entry: number, page: number, at: number) => void

interface Page {
  readonly bytes: Buffer
  /** The same memory: headers are read and written as numbers of 4 bytes. */
  readonly words: Int32Array
  /** Bytes up to the end of the last entry. */
  used: number
  /** Of these, bytes of entries that are still there. */
  live: number
}

const wordBytes = 4
/** An entry begins with these, as words; its key and its value follow. */
const header = { entry: 0, capacity: 1, valueLength: 2 } as const
const headerBytes = 3 * wordBytes
/** In the place of the entry's number: the rest is garbage. */
const gone = -1
/** What is not worth moving. */
const smallCapacity = 64
const firstPageBytes = 4 * 1024
const pageBytesMax = 1024 * 1024
/** Below that a loop is faster than a call into the runtime. */
const loopBytesMax = 64

export class EntryPages {
  readonly #placed: Placed
  readonly #pages: (Page | null)[] = []
  readonly #freeNumbers: number[] = []
  #present: Page | null = null
  #presentNumber = gone
  #nextPageBytes = firstPageBytes

  /** `placed` is told where each entry is, when it is added and whenever it has been moved. */
  constructor(placed: Placed) {
    this.#placed = placed
  }

  /** Of all pages. */
  get byteLength(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.bytes.length ?? 0), 0)
  }

  /** Copies the key, and leaves room for a value, which `setValue` has to fill at once. */
  add(entry: number, key: Buffer, keyStart: number, keyEnd: number, valueLength: number): void {
    const capacity = roundUp(keyEnd - keyStart + valueLength)
    const number = this.#pageFor(headerBytes + capacity)
    const page = this.#page(number)
    const at = page.used
    page.used = at + headerBytes + capacity
    page.live += headerBytes + capacity
    const word = at / wordBytes
    page.words[word + header.entry] = entry
    page.words[word + header.capacity] = capacity
    page.words[word + header.valueLength] = 0
    copyBytes(key, keyStart, keyEnd, page.bytes, at + headerBytes)
    this.#placed(entry, number, at)
  }

  /** Whether the place of an entry is right for a value of that length. */
  fits(number: number, at: number, keyLength: number, valueLength: number): boolean {
    const capacity = this.#page(number).words[at / wordBytes + header.capacity] ?? 0
    const size = keyLength + valueLength
    return size <= capacity && (2 * size >= capacity || capacity <= smallCapacity)
  }

  setValue(number: number, at: number, keyLength: number, value: Buffer, start: number, end: number): void {
    const page = this.#page(number)
    page.words[at / wordBytes + header.valueLength] = end - start
    copyBytes(value, start, end, page.bytes, at + headerBytes + keyLength)
  }

  hasKey(number: number, at: number, key: Buffer, keyStart: number, keyEnd: number): boolean {
    const { bytes } = this.#page(number)
    let place = at + headerBytes
    for (let i = keyStart; i < keyEnd; i++, place++) if (bytes[place] !== key[i]) return false
    return true
  }

  /** A copy. */
  key(number: number, at: number, keyLength: number): Buffer {
    const start = at + headerBytes
    return Buffer.from(this.#page(number).bytes.subarray(start, start + keyLength))
  }

  /** A copy: a codec may keep a view of the bytes that it decodes, and caches share nothing with the store (P14). */
  value(number: number, at: number, keyLength: number): Buffer {
    const { bytes, words } = this.#page(number)
    const start = at + headerBytes + keyLength
    return Buffer.from(bytes.subarray(start, start + (words[at / wordBytes + header.valueLength] ?? 0)))
  }

  /** What was there is garbage from now on. Entries of its page may be moved. */
  remove(number: number, at: number): void {
    const page = this.#page(number)
    const word = at / wordBytes
    page.words[word + header.entry] = gone
    page.live -= headerBytes + (page.words[word + header.capacity] ?? 0)
    if (page !== this.#present) this.#tidy(number, page)
  }

  clear(): void {
    this.#pages.length = 0
    this.#freeNumbers.length = 0
    this.#present = null
    this.#presentNumber = gone
    this.#nextPageBytes = firstPageBytes
  }

  /** The number of a page with that much room. */
  #pageFor(size: number): number {
    // It stands alone, and its page goes with it.
    if (size > pageBytesMax) return this.#newPage(size)
    if (this.#present !== null && this.#present.used + size <= this.#present.bytes.length) return this.#presentNumber
    const [full, fullNumber] = [this.#present, this.#presentNumber]
    this.#presentNumber = this.#newPage(Math.max(this.#nextPageBytes, size))
    this.#present = this.#page(this.#presentNumber)
    this.#nextPageBytes = Math.min(2 * this.#nextPageBytes, pageBytesMax)
    if (full !== null) this.#tidy(fullNumber, full)
    // What was moved may have taken the room.
    return this.#pageFor(size)
  }

  #newPage(size: number): number {
    const bytes = Buffer.allocUnsafeSlow(size)
    const words = new Int32Array(bytes.buffer, 0, Math.floor(size / wordBytes))
    const number = this.#freeNumbers.pop() ?? this.#pages.length
    this.#pages[number] = { bytes, words, used: 0, live: 0 }
    return number
  }

  /** Empties a page that is more than half garbage. */
  #tidy(number: number, page: Page): void {
    if (2 * page.live >= page.used) return
    this.#pages[number] = null
    for (let at = 0; at < page.used; ) {
      const word = at / wordBytes
      const [entry, capacity] = [page.words[word + header.entry] ?? gone, page.words[word + header.capacity] ?? 0]
      if (entry !== gone) this.#move(entry, page, at, headerBytes + capacity)
      at += headerBytes + capacity
    }
    this.#freeNumbers.push(number)
  }

  #move(entry: number, from: Page, at: number, size: number): void {
    const number = this.#pageFor(size)
    const page = this.#page(number)
    copyBytes(from.bytes, at, at + size, page.bytes, page.used)
    this.#placed(entry, number, page.used)
    page.used += size
    page.live += size
  }

  #page(number: number): Page {
    const page = this.#pages[number]
    if (page === null || page === undefined) throw new Error(`there is no page ${number}`)
    return page
  }
}

const roundUp = (size: number): number => Math.ceil(size / wordBytes) * wordBytes

function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > loopBytesMax) source.copy(target, at, start, end)
  else for (let i = start, to = at; i < end; i++, to++) target[to] = source[i] ?? 0
}
