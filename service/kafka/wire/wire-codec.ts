/** From a typed request to the frame that is sent, and from an answer's bytes to the typed answer. */
import { FatalError } from '../../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { messageCodec } from './message-codec.ts'
import { type AnswerOf, type Api, apiKey, type RequestOf, spokenVersions } from './messages.ts'

/** Where the correlation id stands in a frame's first buffer: behind the size, the API's key and its version. */
export const correlationIdOffset = 8

/**
 * The frame of a request, with a correlation id of 0 to be overwritten. Records are in it by reference, so that it may be
 * several buffers. What an older `version` has no field for is left out.
 */
export function encodeRequest<A extends Api>(
  api: A,
  clientId: string,
  body: RequestOf<A>,
  version = highestVersion(api),
): Buffer[] {
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
 * The answer in `payload`: the bytes behind the correlation id. Records in it are views of `payload`. Fields that an older `version` has
 * not are there with their defaults.
 * @throws FatalError when the bytes are not such an answer.
 */
export function decodeAnswer<A extends Api>(api: A, payload: Buffer, version = highestVersion(api)): AnswerOf<A> {
  const codec = messageCodec(api, 'response', version, highestVersion(api))
  const reader = new ByteReader(payload)
  try {
    // The answer to ApiVersions has the old header in every version, for clients that don't know the new one (KIP-511).
    if (codec.isFlexible && api !== 'ApiVersions') skipTags(reader)
    return codec.decode(reader) as AnswerOf<A>
  } catch (cause) {
    const message = `The answer to ${api} version ${version} cannot be read. ${String(cause)}`
    throw new FatalError(message, { cause, fields: { api, bytes: payload.length } })
  }
}

const highestVersion = (api: Api): number => spokenVersions[api].highest

function skipTags(reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) {
    reader.varint()
    reader.bytes(reader.varint())
  }
}
