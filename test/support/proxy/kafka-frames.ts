/** Kafka's frames as a proxy sees them: which request one is, which it answers, and what is in it where somebody asks. */
import { ByteReader } from '../../../service/kafka/wire/byte-reader.ts'
import { ByteWriter } from '../../../service/kafka/wire/byte-writer.ts'
import { type MessageCodec, messageCodec } from '../../../service/kafka/wire/message-codec.ts'
import { type Api, apiKey } from '../../../service/kafka/wire/messages.ts'
import type { Conditions } from './faults.ts'

const names = new Map<number, Api>(Object.entries(apiKey).map(([name, key]) => [key, name as Api]))

/** In a frame with its four bytes of length. */
const requestAt = { apiKey: 4, version: 6, correlationId: 8, clientId: 12 } as const
const answerAt = { correlationId: 4, rest: 8 } as const

/** The head of a request. */
export interface RequestHead {
  /** `api-<key>` for one that is in no table. */
  readonly name: string
  readonly version: number
  readonly correlationId: number
  readonly clientId: string
  /** The decoded request, made when it is asked for; null where it is in no table. */
  readonly body: () => Fields | null
}

type Fields = Readonly<Record<string, unknown>>

/** @throws RangeError for what is too short for a request */
export function requestHead(frame: Buffer): RequestHead {
  const key = frame.readInt16BE(requestAt.apiKey)
  const version = frame.readInt16BE(requestAt.version)
  const clientLength = Math.max(0, frame.readInt16BE(requestAt.clientId))
  const behindClient = requestAt.clientId + 2 + clientLength
  const name = names.get(key) ?? `api-${key}`
  return {
    name,
    version,
    correlationId: frame.readInt32BE(requestAt.correlationId),
    clientId: frame.toString('utf8', requestAt.clientId + 2, behindClient),
    body: once(() => {
      const codec = codecOf(name, 'request', version)
      if (codec === null) return null
      const reader = new ByteReader(frame.subarray(behindClient))
      if (codec.isFlexible) skipTags(reader)
      return codec.decode(reader) as Fields
    }),
  }
}

export const correlationIdOfAnswer = (frame: Buffer): number => frame.readInt32BE(answerAt.correlationId)

/**
 * Whether a request is as the conditions say: `topic` is the name of one that is in it, `clientId` stands in its head, and any other name
 * is that of a field of its outermost struct.
 */
export function fitsRequest(head: RequestHead, where: Conditions): boolean {
  return Object.entries(where).every(([name, value]) => {
    if (value === undefined) return true
    if (name === 'clientId') return head.clientId === value
    const body = head.body()
    return name === 'topic' ? topicsIn(body).includes(value as string) : body?.[name] === value
  })
}

function topicsIn(body: Fields | null): readonly unknown[] {
  const topics = [body?.['topics'], body?.['topicData']].filter((list) => Array.isArray(list)).flat() as readonly unknown[]
  return topics.map((topic) => {
    const { name, topic: own } = (typeof topic === 'object' && topic !== null ? topic : { name: topic }) as Fields
    return name ?? own
  })
}

/** An address in an answer, to be changed in place. */
export interface AddressField {
  host: string
  port: number
}

/** Where the answers to an API carry addresses of brokers. */
const addressLists: Readonly<Record<string, (answer: Fields) => unknown>> = {
  Metadata: ({ brokers }) => brokers,
  DescribeCluster: ({ brokers }) => brokers,
  FindCoordinator: (answer) => answer['coordinators'] ?? [answer],
  // Tagged fields of newer versions, where a leader has moved.
  Produce: ({ nodeEndpoints }) => nodeEndpoints,
  Fetch: ({ nodeEndpoints }) => nodeEndpoints,
}

/** The first version of an API with such addresses. */
const addressesFrom: Readonly<Record<string, number>> = { Produce: 10, Fetch: 16 }

/** The same answer with other addresses; the very frame where it carries none. */
export function withAddresses(
  frame: Buffer,
  { name, version }: RequestHead,
  translate: (address: AddressField) => Promise<AddressField>,
): Buffer | Promise<Buffer> {
  const list = addressLists[name]
  const codec = codecOf(name, 'response', version)
  if (list === undefined || codec === null || version < (addressesFrom[name] ?? 0)) return frame
  const reader = new ByteReader(frame.subarray(answerAt.rest))
  if (codec.isFlexible) skipTags(reader)
  const head = frame.subarray(0, frame.length - reader.remaining)
  const body = codec.decode(reader) as Fields
  // Where there is an error instead of a broker, the port is −1.
  const addresses = ((list(body) ?? []) as AddressField[]).filter(({ port }) => port > 0)
  if (addresses.length === 0) return frame
  return Promise.all(addresses.map(async (address) => Object.assign(address, await translate(address)))).then(() => {
    const writer = new ByteWriter(frame.length + 64)
    codec.encode(writer, body)
    const made = Buffer.concat([head, ...writer.finish()])
    made.writeInt32BE(made.length - 4, 0)
    return made
  })
}

function codecOf(name: string, kind: 'request' | 'response', version: number): MessageCodec | null {
  if (!(name in apiKey)) return null
  try {
    return messageCodec(name, kind, version)
  } catch (ignored) {
    // A version newer than the tables: nothing is known of it, and it goes through as it is.
    return null
  }
}

function skipTags(reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) {
    reader.varint()
    reader.bytes(reader.varint())
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null
  return () => (made ??= { value: make() }).value
}
