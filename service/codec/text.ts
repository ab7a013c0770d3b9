/** UTF-8 text. */
import type { Codec, RangeDecoder, TextEncoder } from './codec.ts'
import { utf8Slice } from './utf8.ts'

const codec: Codec<string> & RangeDecoder<string> & TextEncoder<string> = Object.freeze({
  name: 'text',
  encode: (value: string) => Buffer.from(textOf(value)),
  encodeText: textOf,
  decode: (bytes: Buffer) => utf8Slice(bytes, 0, bytes.length),
  decodeRange: utf8Slice,
})

/** UTF-8 text. Bytes that are no UTF-8 become U+FFFD; a byte order mark stays. */
export function text(): Codec<string> {
  return codec
}

function textOf(value: string): string {
  if (typeof value !== 'string') throw new TypeError(`text() encodes strings, not ${typeof value}.`)
  return value
}
