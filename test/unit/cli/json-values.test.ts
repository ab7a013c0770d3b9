import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { bytesOfJson, jsonText } from '../../../service/cli/json-values.ts'

suite('values as JSON', () => {
  for (const [what, value, text] of [
    ['plain ones as they are', { a: [1, 'b', null, true] }, '{"a":[1,"b",null,true]}'],
    ['none at all', { a: undefined }, '{"a":null}'],
    ['bytes that are text', { a: Buffer.from('é') }, '{"a":"é"}'],
    ['bytes that are not', { a: Buffer.from([0xff, 0xfe]) }, '{"a":{"base64":"//4="}}'],
    ['a typed array', new Uint8Array([0x61]), '"a"'],
    ['whole numbers of 64 bits', [2n ** 63n - 1n], '["9223372036854775807"]'],
    ['numbers that are none', [Number.NaN, Number.NEGATIVE_INFINITY], '["NaN","-Infinity"]'],
    ['times', [new Date(0), new Date(Number.NaN)], '["1970-01-01T00:00:00.000Z","Invalid Date"]'],
    ['maps and sets, with what is in them', [new Map([['a', new Set([1n])]])], '[[["a",["1"]]]]'],
  ] as const)
    test(what, () => assert.equal(jsonText(value), text))

  test('bytes, back from either form', () => {
    assert.deepEqual(bytesOfJson('é', 'it'), Buffer.from('é'))
    assert.deepEqual(bytesOfJson({ base64: '//4=' }, 'it'), Buffer.from([0xff, 0xfe]))
    for (const other of [null, 5, {}, { base64: '?' }])
      assert.throws(() => bytesOfJson(other, 'it'), /^TypeError: it is bytes: it must be a text or \{"base64": "…"\}, is /)
  })
})
