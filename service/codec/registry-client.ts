/** What codecs ask of a schema registry. */

export type SchemaKind = 'avro' | 'jsonSchema' | 'protobuf'

/** How the payload behind the schema id is read and written by one schema. Both throw a TypeError on what does not fit. */
export interface PayloadCodec {
  readonly encode: (value: unknown, record: string | undefined) => Buffer
  readonly decode: (payload: Buffer) => unknown
}

export interface PayloadOptions {
  /** Avro only: the schema that values are read as, where it is another than the one that they were written by. */
  readonly readerSchema: object | undefined
  /** Protobuf only: the messages that are read, by full or short name; any where there are none. */
  readonly messages: readonly string[]
}

export interface RegisteredSchema {
  readonly kind: SchemaKind
  /** @throws TypeError where the reader's schema cannot read what this one wrote */
  readonly payloads: (options: PayloadOptions) => PayloadCodec
}

/**
 * Answers null where the registry knows of no such id or subject.
 * @throws RegistryUnavailableError; FatalError where it refuses; TypeError for a schema that cannot be read
 */
export interface RegistryClient {
  readonly schema: (id: number) => Promise<RegisteredSchema | null>
  readonly latestId: (subject: string) => Promise<number | null>
}
