/** A record on its way through a task: what user code sees as RecordInfo, read only as far as somebody asks for it. */
import type { Decoder } from '../codec/codec.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { Key, RecordInfo } from '../topology/node.ts'

/** Headers as they stand in a record batch: in order, with repetitions. */
export type RawHeaders = readonly (readonly [string, Buffer | null])[]
export const noHeaders: RawHeaders = []

/** Where a record that is one to one with a source record came from. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** How the records of one input tell their origin and headers: in a repartition topic both stand elsewhere than in a source topic. */
export interface Provenance {
  origin(input: RecordInput, index: number): Origin | undefined
  headers(input: RecordInput, index: number): RawHeaders
  /** In a repartition topic behind which somebody goes by slots: where that begins in which the record was cut at its source. */
  readonly slot?: (input: RecordInput, index: number) => number
}

/** The watermarks that the records of one input are older than, each that of its own source partition; kept for those that have one. */
export class Stamps {
  readonly #byIndex = new Map<number, number>()

  set(index: number, watermark: number): void {
    this.#byIndex.set(index, watermark)
  }

  of(index: number): number {
    return this.#byIndex.size === 0 ? Number.NEGATIVE_INFINITY : (this.#byIndex.get(index) ?? Number.NEGATIVE_INFINITY)
  }
}

/** What the records of one slice, or the rows that one table changed in a batch, have in common. */
export class RecordInput {
  readonly topic: string
  readonly partition: number
  /** Null for rows of a table, which were never bytes of a record. */
  readonly columns: RecordColumns | null
  /** Event times, ms; that of record `index` stands at `index - first`. */
  readonly timestamps: Float64Array
  readonly first: number
  readonly keys: Decoder<Key>
  readonly provenance: Provenance
  readonly stamps: Stamps

  constructor(parts: {
    readonly topic: string
    readonly partition: number
    readonly columns: RecordColumns | null
    readonly timestamps: Float64Array
    readonly first: number
    readonly keys: Decoder<Key>
    readonly provenance: Provenance
    readonly stamps?: Stamps
  }) {
    this.topic = parts.topic
    this.partition = parts.partition
    this.columns = parts.columns
    this.timestamps = parts.timestamps
    this.first = parts.first
    this.keys = parts.keys
    this.provenance = parts.provenance
    this.stamps = parts.stamps ?? new Stamps()
  }

  /** The same records under another key. */
  withKeys(keys: Decoder<Key>): RecordInput {
    const { topic, partition, columns, timestamps, first, provenance, stamps } = this
    return new RecordInput({ topic, partition, columns, timestamps, first, keys, provenance, stamps })
  }

  /** The same records with event times that are still to be filled in, and no stamps. */
  withTimes(): RecordInput {
    const { topic, partition, columns, first, keys, provenance } = this
    const timestamps = new Float64Array(this.timestamps.length)
    return new RecordInput({ topic, partition, columns, timestamps, first, keys, provenance })
  }
}

/** Stands for a key that was not decoded yet: every other value may be a key. */
const unread = Symbol('unread')

export class StreamRecord implements RecordInfo {
  readonly #input: RecordInput
  readonly #index: number
  #keyLatin1: string | null | undefined
  #key: Key
  #headers: RecordInfo['headers'] | undefined

  /** `keyLatin1`: the key's bytes where they are not those in the columns. `key`: the key where it is known already. */
  constructor(input: RecordInput, index: number, keyLatin1?: string, key: Key = unread) {
    this.#input = input
    this.#index = index
    this.#keyLatin1 = keyLatin1
    this.#key = key
    this.#headers = undefined
  }

  /** A null key reads as `''`. */
  get key(): Key {
    if (this.#key === unread) {
      const bytes = this.keyBytes
      this.#key = bytes === null ? '' : this.#input.keys.decode(bytes)
    }
    return this.#key
  }

  get timestamp(): number {
    return this.#input.timestamps[this.#index - this.#input.first] ?? Number.NaN
  }

  /** The watermark of its source partition that it is older than; −Infinity where it can't be late. */
  get stamp(): number {
    return this.#input.stamps.of(this.#index)
  }

  /** Where the slot begins in which it was cut at its source; −Infinity where no topic between told. */
  get slot(): number {
    return this.#input.provenance.slot?.(this.#input, this.#index) ?? Number.NEGATIVE_INFINITY
  }

  get headers(): RecordInfo['headers'] {
    if (this.#headers === undefined) {
      const headers: Record<string, Buffer> = {}
      for (const [name, value] of this.rawHeaders) headers[name] = value ?? Buffer.alloc(0)
      this.#headers = headers
    }
    return this.#headers
  }

  // The interface has it absent where there is none; a getter can only be undefined, and reads the same.
  get source(): NonNullable<RecordInfo['source']> {
    const origin = this.origin
    const source = origin && { topic: origin.topic, partition: origin.partition, offset: BigInt(origin.offset) }
    return source as NonNullable<RecordInfo['source']>
  }

  get input(): RecordInput {
    return this.#input
  }

  /** Its place in the columns of its input. */
  get index(): number {
    return this.#index
  }

  /** The key's identity: its bytes, one a character; null where there is no key. */
  get keyLatin1(): string | null {
    if (this.#keyLatin1 === undefined) this.#keyLatin1 = this.#input.columns?.keyLatin1(this.#index) ?? null
    return this.#keyLatin1
  }

  get keyBytes(): Buffer | null {
    if (this.#keyLatin1 === null) return null
    if (this.#keyLatin1 !== undefined) return Buffer.from(this.#keyLatin1, 'latin1')
    return this.#input.columns?.key(this.#index) ?? null
  }

  get hasKey(): boolean {
    if (this.#keyLatin1 !== undefined) return this.#keyLatin1 !== null
    return (this.#input.columns?.keyLength(this.#index) ?? -1) >= 0
  }

  /** The key's bytes as an output takes them with the least effort: as text where that has the same bytes. */
  get writableKey(): Buffer | string | null {
    const latin1 = this.#keyLatin1
    return typeof latin1 === 'string' && isAscii(latin1) ? latin1 : this.keyBytes
  }

  /** The headers that a sink passes on: all of the record's, but none of caudal's own. */
  get rawHeaders(): RawHeaders {
    return this.#input.provenance.headers(this.#input, this.#index)
  }

  get origin(): Origin | undefined {
    return this.#input.provenance.origin(this.#input, this.#index)
  }

  /** The same record with the event times of another input. */
  withTimes(input: RecordInput): StreamRecord {
    return new StreamRecord(input, this.#index, this.#keyLatin1 ?? undefined, this.#key)
  }

  /** The same record with another key. */
  withKey(input: RecordInput, keyLatin1: string, key: Key): StreamRecord {
    return new StreamRecord(input, this.#index, keyLatin1, key)
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}

/** Of the records of a source topic. */
export const sourceProvenance: Provenance = {
  origin: ({ topic, partition, columns }, index) => ({ topic, partition, offset: columns?.offsets[index] ?? Number.NaN }),
  headers: ({ columns }, index) => (columns?.hasHeaders(index) === true ? columns.headers(index) : noHeaders),
}

/** Of rows of tables: they have neither origin nor headers. */
export const noProvenance: Provenance = { origin: () => undefined, headers: () => noHeaders }

/** `topic purchases, partition 0, offset 42`, or the row's key: how messages name a record. */
export function describeRecord(record: StreamRecord): string {
  const origin = record.origin
  if (origin !== undefined) return `topic ${origin.topic}, partition ${origin.partition}, offset ${origin.offset}`
  return `row with key ${JSON.stringify(record.keyBytes?.toString() ?? null)}`
}
