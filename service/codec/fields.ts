/** Fields one behind the other, big-endian: what the codecs of composed states are made of. */
import type { CodecFor } from './codec.ts'
import type { FixedLengthWriter } from './fixed-length.ts'
import { encodeNested } from './nested.ts'

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
    return this.view(this.uint32())
  }

  /** A view of so many bytes. */
  view(length: number): Buffer {
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

/** Used again: a state is encoded for each key that a batch changed. */
const idle: FieldWriter[] = []
const idleMax = 8
const keptBytesMax = 64 * 1024

/** Writes fields that a FieldReader reads. Nothing is to be done with it after `finish`. */
export class FieldWriter {
  #bytes = Buffer.allocUnsafeSlow(512)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  /** One with nothing written yet. */
  static begin(): FieldWriter {
    const writer = idle.pop() ?? new FieldWriter()
    writer.#at = 0
    return writer
  }

  uint32(value: number): this {
    const at = this.#past(4)
    this.#view.setUint32(at, value)
    return this
  }

  float64(value: number): this {
    const at = this.#past(8)
    this.#view.setFloat64(at, value)
    return this
  }

  /** Behind their length. */
  bytes(value: Buffer): this {
    return this.uint32(value.length).raw(value)
  }

  raw(value: Buffer): this {
    const at = this.#past(value.length)
    value.copy(this.#bytes, at)
    return this
  }

  /** By `codec`, behind its length with `flags` in it. @throws TypeError as encodeNested */
  nested<T>(codec: CodecFor<T>, value: T, flags = 0): this {
    const { byteLength, writeAt } = codec as Partial<FixedLengthWriter<T>>
    if (byteLength === undefined || writeAt === undefined) {
      const bytes = encodeNested(codec, value)
      return this.uint32(bytes.length + flags).raw(bytes)
    }
    this.uint32(byteLength + flags)
    const at = this.#past(byteLength)
    writeAt(this.#bytes, value, at)
    return this
  }

  /** What `codec` makes of it, without a length. @throws TypeError as encodeNested */
  rest<T>(codec: CodecFor<T>, value: T): this {
    const { writeFields } = codec as Partial<FieldsWriter<T>>
    if (writeFields === undefined) return this.raw(encodeNested(codec, value))
    writeFields(this, value)
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
    const finished = Buffer.allocUnsafe(this.#at)
    this.#bytes.copy(finished, 0, 0, this.#at)
    if (idle.length < idleMax && this.#bytes.length <= keptBytesMax) idle.push(this)
    return finished
  }

  #past(length: number): number {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) this.#grow()
    return start
  }

  #grow(): void {
    const bytes = Buffer.allocUnsafeSlow(2 * this.#at)
    this.#bytes.copy(bytes)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

/** What codecs of composed states may have beside `encode`: writes the same bytes behind what is written already. */
export interface FieldsWriter<in T> {
  readonly writeFields: (fields: FieldWriter, value: T) => void
}

/** `encode` of a codec that writes fields. */
export function encodeFields<T>({ writeFields }: FieldsWriter<T>, value: T): Buffer {
  const fields = FieldWriter.begin()
  writeFields(fields, value)
  return fields.finish()
}
