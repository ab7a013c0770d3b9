/** From a typed request to the frame that is sent, and from an answer's bytes to the typed answer. */
import { FatalError } from '../../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { messageCodec } from './message-codec.ts'
import { type AnswerOf, type Api, apiKey, pinnedVersion, type RequestOf } from './messages.ts'

/** Where the correlation id stands in a frame's first buffer: behind the size, the API's key and its version. */
export const correlationIdOffset = 8

/**
 * The frame of a request, with a correlation id of 0 to be overwritten. Records are in it by reference, so that it may be
 * several buffers.
 */
export function encodeRequest<A extends Api>(api: A, clientId: string, body: RequestOf<A>): Buffer[] {
  const version = pinnedVersion[api]
  const codec = messageCodec(api, 'request', version)
  const writer = new ByteWriter()
  writer.int32(0)
  writer.int16(apiKey[api])
  writer.int16(version)
  writer.int32(0)
  const client = Buffer.from(clientId, 'utf8')
  writer.int16(client.length)
  writer.bytes(client)
  if (codec.isFlexible) writer.varint(0)
  codec.encode(writer, body)
  const size = writer.length - 4
  const parts = writer.finish()
  parts[0]?.writeInt32BE(size, 0)
  return parts
}

/**
 * The answer in `payload`: the bytes behind the correlation id. Records in it are views of `payload`.
 * @throws FatalError when the bytes are not such an answer.
 */
export function decodeAnswer<A extends Api>(api: A, payload: Buffer): AnswerOf<A> {
  const codec = messageCodec(api, 'response', pinnedVersion[api])
  const reader = new ByteReader(payload)
  try {
    // The answer to ApiVersions has the old header in every version, for clients that don't know the new one (KIP-511).
    if (codec.isFlexible && api !== 'ApiVersions') skipTags(reader)
    return codec.decode(reader) as AnswerOf<A>
  } catch (cause) {
    const message = `The answer to ${api} version ${pinnedVersion[api]} cannot be read. ${String(cause)}`
    throw new FatalError(message, { cause, fields: { api, bytes: payload.length } })
  }
}

function skipTags(reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) {
    reader.varint()
    reader.bytes(reader.varint())
  }
}
