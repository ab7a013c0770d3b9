/** The records that `caudal try` reads, one as JSON a line: as the bytes that their topics would hold, or what is wrong with them. */
import type { Decoder, Encoder } from '../codec/codec.ts'
import { suggestion } from '../config/spelling.ts'
import type { BytesToSend } from '../runtime/test-driver.ts'
import { bytesOfJson } from './json-values.ts'

/** What a topic's source reads it with. */
export interface SourceCodecs {
  readonly key: Decoder<unknown>
  readonly value: Decoder<unknown>
}

export interface RecordLine {
  /** Counted from 1. */
  readonly line: number
  readonly topic: string
  readonly record: BytesToSend
}

export interface RecordLines {
  readonly records: readonly RecordLine[]
  /** One for each line that is no record, `<line>: <what is wrong>`. */
  readonly defects: readonly string[]
}

export interface LineFormat {
  /** By topic; where there is only one a line need not name it. */
  readonly sources: ReadonlyMap<string, SourceCodecs>
  /** Of every source topic. */
  readonly partitions: number
}

/** Empty lines are passed over. */
export function readRecordLines(text: string, format: LineFormat): RecordLines {
  const records: RecordLine[] = []
  const defects: string[] = []
  for (const [index, content] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (content.trim() === '') continue
    try {
      records.push({ line: index + 1, ...readLine(content, format) })
    } catch (error) {
      defects.push(`${index + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { records, defects }
}

const fields = ['topic', 'key', 'value', 'timestamp', 'partition', 'headers']

/** @throws Error with what is wrong, and whatever a codec throws */
function readLine(content: string, format: LineFormat): Pick<RecordLine, 'topic' | 'record'> {
  const line = objectOf(content)
  for (const name of Object.keys(line))
    if (!fields.includes(name))
      throw new Error(`"${name}" is no field of a record (${fields.join(', ')})${suggestion(name, fields)}`)
  const { topic, codecs } = sourceOf(line['topic'], format)
  if (line['value'] === undefined) throw new Error('it has no "value" (null is a tombstone)')
  const { timestamp, partition, headers = {} } = line
  if (timestamp !== undefined && !Number.isSafeInteger(timestamp))
    throw new Error(`"timestamp" must be whole milliseconds since 1970, is ${JSON.stringify(timestamp)}`)
  if (partition !== undefined && !isPartition(partition, format.partitions))
    throw new Error(`"partition" must be an integer from 0 to ${format.partitions - 1}, is ${JSON.stringify(partition)}`)
  if (!isObject(headers)) throw new Error('"headers" must be an object of texts')
  return {
    topic,
    record: {
      key: encode('key', codecs.key, line['key'] ?? null),
      value: encode('value', codecs.value, line['value']),
      ...(timestamp === undefined ? {} : { timestamp: Number(timestamp) }),
      ...(partition === undefined ? {} : { partition }),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, bytesOfJson(value, `header "${name}"`)])),
    },
  }
}

function objectOf(content: string): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (error) {
    throw new Error(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isObject(parsed)) throw new Error('it is no JSON object, such as {"key": "a", "value": 1}')
  return parsed
}

function sourceOf(topic: unknown, { sources }: LineFormat): { readonly topic: string; readonly codecs: SourceCodecs } {
  const known = [...sources.keys()]
  const name = topic ?? (known.length === 1 ? known[0] : undefined)
  if (name === undefined) throw new Error(`it has no "topic"; the topology reads ${known.join(', ')}`)
  if (typeof name !== 'string') throw new Error(`"topic" must be a text, is ${JSON.stringify(name)}`)
  const codecs = sources.get(name)
  if (codecs === undefined)
    throw new Error(`the topology does not read topic ${name}, but ${known.join(', ')}${suggestion(name, known)}`)
  return { topic: name, codecs }
}

/** Null is a tombstone, whatever the codec. A source that can only decode is given bytes. */
function encode(what: string, decoder: Decoder<unknown>, value: unknown): Buffer | null {
  if (value === null) return null
  const encoder = decoder as Decoder<unknown> & Partial<Encoder<unknown>>
  if (encoder.encode === undefined || codecIs(decoder, 'bytes')) return bytesOfJson(value, `"${what}"`)
  try {
    return encoder.encode(codecIs(decoder, 'int64') ? wholeNumber(value) : value)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`"${what}" cannot be encoded (${decoder.name}): ${reason}`)
  }
}

/** Also where null is one of its values. */
const codecIs = ({ name }: Decoder<unknown>, plain: string) => name === plain || name === `nullable(${plain})`

/** JSON has numbers up to 2^53 and texts for larger ones. */
function wholeNumber(value: unknown): bigint {
  if (Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value))) return BigInt(value as number | string)
  throw new Error(`${JSON.stringify(value)} is no whole number, nor a text of one`)
}

const isPartition = (value: unknown, partitions: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < partitions

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
