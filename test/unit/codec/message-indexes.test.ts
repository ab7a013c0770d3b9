import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeMessageIndexes, encodeMessageIndexes } from '../../../service/codec/message-indexes.ts'

/** As the description of the wire format has them: the count, then the indexes, in zigzag. */
const known: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[0], [0]],
  [[1], [2, 2]],
  [
    [1, 0],
    [4, 2, 0],
  ],
  [
    [0, 2],
    [4, 0, 4],
  ],
  [[64], [2, 0x80, 1]],
  [
    [300, 1],
    [4, 0xd8, 4, 2],
  ],
]

describe('message indexes', () => {
  for (const [path, bytes] of known) {
    test(`[${path.join(', ')}] is ${Buffer.from(bytes).toString('hex')}`, () => {
      assert.deepEqual([...encodeMessageIndexes(path)], bytes)
      assert.deepEqual(decodeMessageIndexes(Buffer.from([...bytes, 0, 9])), { path, end: bytes.length })
    })
  }

  test('the long form of the first message is read too', () => {
    assert.deepEqual(decodeMessageIndexes(Buffer.of(2, 0, 7)), { path: [0], end: 2 })
  })

  test('any path comes back as it was', () => {
    const paths = fc.array(fc.nat({ max: 2 ** 30 }), { minLength: 1, maxLength: 64 })
    fc.assert(
      fc.property(paths, (path) => {
        const bytes = encodeMessageIndexes(path)
        assert.deepEqual(decodeMessageIndexes(Buffer.concat([bytes, Buffer.of(1)])), { path, end: bytes.length })
      }),
    )
  })

  test('bytes that are no path are refused', () => {
    for (const bytes of [[], [4, 2], [0x80], [1], [0x82, 1], [2, 1], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]])
      assert.throws(() => decodeMessageIndexes(Buffer.from(bytes)), TypeError, Buffer.from(bytes).toString('hex'))
  })
})
