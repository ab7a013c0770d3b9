/** JSON, unchecked, or checked when decoding by a Standard Schema validator. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ConfigurationError } from '../errors.ts'
import type { Codec, RangeDecoder, TextEncoder } from './codec.ts'
import { utf8Slice } from './utf8.ts'

type JsonCodec = Codec<unknown> & RangeDecoder<unknown> & TextEncoder<unknown>

/** JSON, unchecked, or checked when decoding by any Standard Schema validator (zod, valibot, arktype) that is synchronous. */
export function json<T>(): Codec<T>
export function json<S extends StandardSchemaV1>(schema: S): Codec<StandardSchemaV1.InferOutput<S>>
export function json(schema?: StandardSchemaV1): Codec<unknown> {
  return schema === undefined ? unchecked : checkedBy(schema)
}

const unchecked = jsonCodec((parsed) => parsed)
/** One codec a schema, so that two sources with the same schema are seen to be the same. */
const checked = new WeakMap<StandardSchemaV1, JsonCodec>()

function checkedBy(schema: StandardSchemaV1): JsonCodec {
  const codec = checked.get(schema) ?? jsonCodec((parsed) => validate(schema, parsed))
  checked.set(schema, codec)
  return codec
}

function jsonCodec(check: (parsed: unknown) => unknown): JsonCodec {
  return Object.freeze({
    name: 'json',
    encode: (value: unknown) => Buffer.from(stringify(value)),
    encodeText: stringify,
    decode: (bytes: Buffer) => check(JSON.parse(utf8Slice(bytes, 0, bytes.length))),
    decodeRange: (buffer: Buffer, start: number, end: number) => check(JSON.parse(utf8Slice(buffer, start, end))),
  })
}

function stringify(value: unknown): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`json() cannot encode ${typeof value}: JSON has no text for it.`)
  return text
}

/** @throws ConfigurationError for a schema that answers with a promise: no policy for bad records can mend that. */
function validate(schema: StandardSchemaV1, parsed: unknown): unknown {
  const result = schema['~standard'].validate(parsed)
  if (result instanceof Promise) {
    result.catch(() => {}) // Nobody waits for its answer, and it must not end the process as an unhandled rejection.
    throw new ConfigurationError([
      `A schema given to json() (of ${schema['~standard'].vendor}) validates asynchronously; codecs are synchronous. Take its asynchronous checks out.`,
    ])
  }
  if (result.issues !== undefined) throw new TypeError(`The value does not fit its schema: ${sentenceOf(result.issues)}`)
  return result.value
}

const issuesShownMax = 5

function sentenceOf(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, issuesShownMax).map((issue) => {
    const path = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  const more = issues.length - shown.length
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '')
}
