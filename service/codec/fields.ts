/** Fields one behind the other, big-endian: what the codecs of composed states are made of. */

/** Reads fields in the order in which they were written. Throws a TypeError on bytes that end too early, or too late. */
export class FieldReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#past(4))
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.#past(8))
  }

  /** A view of bytes that stand behind their length. */
  bytes(): Buffer {
    const length = this.uint32()
    const start = this.#past(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** All that is left. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#past(this.#bytes.length - this.#at))
  }

  /** As many things as the number before them says. */
  list<T>(read: () => T): readonly T[] {
    const length = this.uint32()
    // Each takes a byte at least: a wrong number must not ask for memory first.
    if (length > this.#bytes.length - this.#at) throw this.#defect(`${length} elements`)
    return Array.from({ length }, read)
  }

  end(): void {
    if (!this.isAtEnd) throw this.#defect('their end')
  }

  #past(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw this.#defect(`${length} bytes`)
    this.#at += length
    return start
  }

  #defect(expected: string): TypeError {
    return new TypeError(`${this.#what}: ${expected} expected at byte ${this.#at} of ${this.#bytes.length}.`)
  }
}

/** Writes fields that a FieldReader reads. */
export class FieldWriter {
  readonly #parts: Buffer[] = []

  uint32(value: number): this {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeUInt32BE(value)
    this.#parts.push(bytes)
    return this
  }

  float64(value: number): this {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value)
    this.#parts.push(bytes)
    return this
  }

  /** Behind their length. */
  bytes(value: Buffer): this {
    this.uint32(value.length).#parts.push(value)
    return this
  }

  /** Behind their number; `write` takes a byte at least for each. */
  list<T>(values: readonly T[], write: (value: T) => void): this {
    this.uint32(values.length)
    for (const value of values) write(value)
    return this
  }

  /** Shares nothing with what was written. */
  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
