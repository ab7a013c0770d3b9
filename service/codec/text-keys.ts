/** Keys given by keyBy: strings, numbers and bigints, which travel as text and are told apart by one character. */
import type { Decoder } from './codec.ts'
import { text } from './text.ts'

/** String, number, bigint. */
export type KeyKind = 's' | 'n' | 'b'

/** How the bytes of a key that travelled as text become the key again. */
export const keyDecoders: Readonly<Record<KeyKind, Decoder<unknown>>> = {
  s: text(),
  n: { name: 'number as text', decode: (bytes) => Number(bytes.latin1Slice(0, bytes.length)) },
  b: { name: 'bigint as text', decode: (bytes) => BigInt(bytes.latin1Slice(0, bytes.length)) },
}

/** The kind of the keys that `decoder` decodes; undefined for a decoder of the user's. */
export function keyKindOf(decoder: Decoder<unknown>): KeyKind | undefined {
  for (const kind of ['s', 'n', 'b'] as const) if (keyDecoders[kind] === decoder) return kind
  return undefined
}
