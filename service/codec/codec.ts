/** Codecs: synchronous both ways; built-in ones also read a range in place and write text without a buffer between. */

export interface Encoder<in T> {
  readonly name: string
  /** True where null is a value of its own (a tombstone on the wire). */
  readonly nullable?: true
  readonly encode: (value: T) => Buffer | null
}

/** Throws on bytes that it does not understand; the source's `onInvalid` says what happens then. */
export interface Decoder<out T> {
  readonly name: string
  readonly nullable?: true
  readonly decode: (bytes: Buffer) => T
}

export interface Codec<T> extends Encoder<T>, Decoder<T> {}

/** A codec as an option of a method of a stream: methods, so that `Stream<K, Narrow>` is a `Stream<K, Wide>`. */
export interface CodecFor<T> {
  readonly name: string
  readonly nullable?: true
  encode(value: T): Buffer | null
  decode(bytes: Buffer): T
}

/** What built-in decoders have beside `decode`: reads [start, end) of a larger buffer without a view of it. */
export interface RangeDecoder<out T> {
  readonly decodeRange: (buffer: Buffer, start: number, end: number) => T
}

/** What built-in encoders have beside `encode`: the value as text, which a record batch writes as UTF-8 in place; null as there. */
export interface TextEncoder<in T> {
  readonly encodeText: (value: T) => string | null
}

/** The fastest way there is to decode a range with `decoder`. */
export function rangeDecoderOf<T>(decoder: Decoder<T>): (buffer: Buffer, start: number, end: number) => T {
  const own = (decoder as Partial<RangeDecoder<T>>).decodeRange
  return own ?? ((buffer, start, end) => decoder.decode(buffer.subarray(start, end)))
}

/** The fastest way there is to encode with `encoder`: text where it can, else bytes. */
export function writableEncoderOf<T>(encoder: Encoder<T>): (value: T) => Buffer | string | null {
  const own = (encoder as Partial<TextEncoder<T>>).encodeText
  return own ?? ((value) => encoder.encode(value))
}
