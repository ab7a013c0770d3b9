/** Codecs whose schemas stand in a schema registry: Avro, JSON Schema, Protocol Buffers. */
import { ConfigurationError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { RegisteredSchemas } from './registered-schemas.ts'
import type { SchemaKind } from './registry-client.ts'
import { registryCodec } from './registry-codec.ts'

export interface SchemaRegistryOptions {
  /** Default: the configuration's `schemaRegistry.url`. Without credentials: those are in the configuration. */
  readonly url?: string
  /**
   * What records get whose schema is not known here while the registry is away: they wait for it, or are invalid, as the source's
   * `onInvalid` says. Schemas that are known go on in either case. Default `'wait'`.
   */
  readonly onUnavailable?: 'wait' | 'invalid'
}

/** Which subject has the schema that values are written by; all of them are of the newest version. Reading goes by the id in the bytes. */
export interface SubjectOptions<T> {
  /**
   * `'topic'`: the subject given, `<topic>-value` or `<topic>-key`. `'record'`: the full name of the record. `'topic-record'`:
   * `<topic>-<record>`, with the topic out of the subject given. Default `'topic'`.
   */
  readonly subjectStrategy?: 'topic' | 'record' | 'topic-record'
  /** Full names of the records that are written, for the strategies that go by them. */
  readonly records?: readonly string[]
  /** The record that a value is; needed where there are several. */
  readonly recordOf?: (value: T) => string
}

export interface SchemaRegistry {
  /** Avro. `readerSchema`: what values are read as, by the rules of Avro's schema resolution. `long` is a number, and refused beyond ±2^53. */
  readonly avro: <T>(subject: string, options?: SubjectOptions<T> & { readonly readerSchema?: object }) => Codec<T>
  /** JSON with a schema, checked both ways. */
  readonly jsonSchema: <T>(subject: string, options?: SubjectOptions<T>) => Codec<T>
  /**
   * Protocol Buffers, byte for byte as Java's serializer writes them. Values are as in protobuf's JSON mapping: 64-bit integers are decimal
   * strings, enums are names; but `bytes` is a Buffer. `message`: the message of the file, by full or short name, nested ones as
   * `Outer.Inner`; default the first when writing, any when reading.
   */
  readonly protobuf: <T>(subject: string, options?: SubjectOptions<T> & { readonly message?: string }) => Codec<T>
}

/**
 * The registry's wire format (magic byte, schema id): schemas are fetched before a batch, so that the codecs are synchronous in it.
 * @example const purchases = stream('purchases', { value: schemaRegistry().avro<Purchase>('purchases-value') })
 * @throws ConfigurationError for a url that is none
 */
export function schemaRegistry({ url, onUnavailable = 'wait' }: SchemaRegistryOptions = {}): SchemaRegistry {
  if (url !== undefined && !isAddress(url)) throw new ConfigurationError([`schemaRegistry(): ${wrongAddress}`])
  const schemas = new RegisteredSchemas({
    address: url === undefined ? undefined : { url, username: null, password: null },
    onUnavailable,
  })
  const codec = <T>(kind: SchemaKind, subject: string, options: AnyOptions<T> = {}): Codec<T> => {
    const what = `${kind}('${subject}')`
    const { message, readerSchema } = options
    const records = recordsOf(what, subject, options)
    const messages = records.length > 0 ? records : message === undefined ? [] : [message]
    const made = registryCodec({
      kind,
      name: `${kind}(${subject})`,
      schemas,
      readerSchema,
      messages,
      ...placesOf(subject, records, options),
    })
    return made as Codec<T>
  }
  return Object.freeze({
    avro: <T>(subject: string, options?: AnyOptions<T>) => codec('avro', subject, options),
    jsonSchema: <T>(subject: string, options?: AnyOptions<T>) => codec('jsonSchema', subject, options),
    protobuf: <T>(subject: string, options?: AnyOptions<T>) => codec('protobuf', subject, options),
  })
}

type AnyOptions<T> = SubjectOptions<T> & { readonly readerSchema?: object; readonly message?: string }

const wrongAddress =
  'the url is not one of http:// or https:// without a name and a password in it; those go into schemaRegistry.username and schemaRegistry.password.'

function isAddress(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, username, password } = new URL(url)
  return ['http:', 'https:'].includes(protocol) && username === '' && password === ''
}

/** @throws ConfigurationError where strategy and records do not go together */
function recordsOf<T>(what: string, subject: string, options: AnyOptions<T>): readonly string[] {
  const { subjectStrategy = 'topic', records = [], recordOf, message } = options
  const refuse = (defect: string) => {
    throw new ConfigurationError([`${what}: ${defect}`])
  }
  if (typeof subject !== 'string' || subject === '') refuse('the subject is not a text, such as purchases-value.')
  if (!['topic', 'record', 'topic-record'].includes(subjectStrategy))
    refuse(`subjectStrategy is '${subjectStrategy}'; it is one of: topic, record, topic-record.`)
  if (subjectStrategy === 'topic') {
    if (records.length > 0 || recordOf !== undefined)
      refuse("records and recordOf go with subjectStrategy: 'record' or 'topic-record'.")
    return records
  }
  if (message !== undefined) refuse(`with subjectStrategy: '${subjectStrategy}' the messages stand in records.`)
  if (records.length === 0)
    refuse(`subjectStrategy: '${subjectStrategy}' needs records: the full names of those that are written.`)
  if (records.length > 1 && recordOf === undefined) refuse('there are several records: recordOf says which one a value is.')
  if (subjectStrategy === 'topic-record' && !topicPattern.test(subject))
    refuse("subjectStrategy: 'topic-record' needs a subject <topic>-value or <topic>-key, which names the topic.")
  return records
}

const topicPattern = /^(.+)-(?:value|key)$/

function placesOf<T>(subject: string, records: readonly string[], { subjectStrategy, recordOf, message }: AnyOptions<T>) {
  if (records.length === 0) {
    const place = { subject, record: message }
    return { subjects: [subject], placeOf: () => place }
  }
  const topic = topicPattern.exec(subject)?.[1] ?? subject
  const subjectOf = (record: string) => (subjectStrategy === 'record' ? record : `${topic}-${record}`)
  const [first = ''] = records
  return {
    subjects: records.map(subjectOf),
    placeOf: (value: unknown) => {
      const record = recordOf === undefined ? first : recordOf(value as T)
      return { subject: subjectOf(record), record }
    },
  }
}
