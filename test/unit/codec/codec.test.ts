import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes } from '../../../service/codec/bytes.ts'
import { type Codec, rangeDecoderOf, writableEncoderOf } from '../../../service/codec/codec.ts'
import { float64 } from '../../../service/codec/float64.ts'
import { int64 } from '../../../service/codec/int64.ts'
import { json } from '../../../service/codec/json.ts'
import { nullable } from '../../../service/codec/nullable.ts'
import { structured } from '../../../service/codec/structured.ts'
import { sumAndCount } from '../../../service/codec/sum-and-count.ts'
import { text } from '../../../service/codec/text.ts'

function roundTrips<T>(codec: Codec<T>, values: readonly T[]): void {
  for (const value of values) {
    const encoded = codec.encode(value)
    assert.ok(encoded !== null)
    assert.deepEqual(codec.decode(encoded), value)
    const around = Buffer.concat([Buffer.from('ä{'), encoded, Buffer.from('}🦆')])
    assert.deepEqual(rangeDecoderOf(codec)(around, 3, 3 + encoded.length), value)
    const written = writableEncoderOf(codec)(value)
    assert.deepEqual(typeof written === 'string' ? Buffer.from(written) : written, encoded)
  }
}

test('a codec gives back what it was given: whole, from a range, and as text', () => {
  roundTrips<unknown>(json(), [{ a: [1, 'ä', null] }, 'x', 0, false, null, JSON.parse('{"__proto__": 1}')])
  roundTrips(text(), ['', 'plain', 'Übergröße 🦆', '\uFEFFbom'])
  roundTrips(bytes(), [Buffer.from([]), Buffer.from([0, 255])])
  roundTrips(int64(), [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)])
  roundTrips(float64(), [0, -0, 1.5, Number.MAX_VALUE, Number.NEGATIVE_INFINITY, Number.NaN])
  roundTrips<unknown>(structured(), [new Date(5), new Map([['a', new Set([1n])]]), new Float64Array([1, 2]), undefined])
  roundTrips(sumAndCount, [{ sum: 1.25, count: 3 }])
  roundTrips<unknown>(nullable(json()), [{ a: 1 }, 5])
  roundTrips(nullable(int64()), [7n])
})

test('numbers are big-endian, as the serializers of Java write them', () => {
  assert.equal(int64().encode(258n)?.toString('hex'), '0000000000000102')
  assert.equal(int64().encode(-2n)?.toString('hex'), 'fffffffffffffffe')
  assert.equal(float64().encode(1.5)?.toString('hex'), '3ff8000000000000')
  assert.equal(sumAndCount.encode({ sum: 1.5, count: 2 })?.toString('hex'), '3ff80000000000004000000000000000')
})

test('values of the wrong type are refused when encoding', () => {
  assert.throws(() => text().encode(5 as never), /text\(\) encodes strings, not number/)
  assert.throws(() => writableEncoderOf(text())(undefined as never), TypeError)
  assert.throws(() => bytes().encode('x' as never), TypeError)
  assert.throws(() => int64().encode(5 as never), TypeError)
  assert.throws(() => int64().encode(2n ** 63n), RangeError)
  assert.throws(() => float64().encode('5' as never), /float64\(\) encodes numbers, not string/)
  assert.throws(() => structured().encode(() => 1), /could not be cloned/)
})

test('bytes of the wrong length are refused when decoding', () => {
  for (const codec of [int64(), float64()] as const) {
    assert.throws(() => codec.decode(Buffer.alloc(7)), /8 bytes long, and these are 7/)
    assert.throws(() => rangeDecoderOf<unknown>(codec)(Buffer.alloc(20), 1, 10), /these are 9/)
  }
})

test('a value read from a range does not keep the block alive', () => {
  const block = Buffer.alloc(100_000, 1)
  assert.notEqual(rangeDecoderOf(bytes())(block, 10, 20).buffer, block.buffer)
  const array = structured<Uint8Array>().encode(new Uint8Array([1, 2, 3]))
  assert.ok(array !== null)
  const second = Buffer.concat([Buffer.alloc(100_000), array])
  assert.notEqual(rangeDecoderOf(structured<Uint8Array>())(second, 100_000, second.length).buffer, second.buffer)
})

test('text replaces what is no UTF-8 and keeps a byte order mark', () => {
  assert.equal(text().decode(Buffer.from([0x61, 0xff])), 'a\uFFFD')
  assert.equal(text().decode(Buffer.from([0xef, 0xbb, 0xbf, 0x61])), '\uFEFFa')
})

test('nullable has null beside the values, once', () => {
  const codec = nullable(json<number>())
  assert.equal(codec.nullable, true)
  assert.equal(codec.encode(null), null)
  assert.equal(writableEncoderOf(codec)(null), null)
  assert.equal(writableEncoderOf(codec)(5), '5')
  assert.equal(writableEncoderOf(nullable(float64()))(null), null)
  assert.equal(nullable(codec), codec)
  assert.equal(nullable(json<number>()), codec)
})

test('a codec of the user may be an object with methods', () => {
  class Shouting implements Codec<string> {
    readonly name = 'shouting'
    #end = '!'
    readonly encode: (value: string) => Buffer = function (this: Shouting, value: string) {
      return Buffer.from(value + this.#end)
    }
    readonly decode: (bytes: Buffer) => string = function (this: Shouting, bytes: Buffer) {
      return bytes.toString().slice(0, -this.#end.length)
    }
  }
  const codec = nullable(new Shouting())
  assert.equal(rangeDecoderOf(codec)(Buffer.from('(hey!)'), 1, 5), 'hey')
  assert.deepEqual(writableEncoderOf(new Shouting())('hey'), Buffer.from('hey!'))
  assert.deepEqual(writableEncoderOf(codec)('hey'), Buffer.from('hey!'))
})
