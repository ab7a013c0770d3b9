import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressSync } from 'snappy'
import { FatalError } from '../../../../service/errors.ts'
import { compress, compressionId, compressions, decompress } from '../../../../service/kafka/records/compression.ts'

const text = Buffer.from('the same words again and again. '.repeat(5000))

for (const compression of compressions) {
  test(`${compression}: what was compressed comes back`, () => {
    for (const bytes of [text, text.subarray(0, 1), Buffer.alloc(0)]) {
      assert.deepEqual(decompress(compressionId(compression), compress(compression, bytes)), bytes)
    }
    if (compression !== 'none') assert.ok(compress(compression, text).length < text.length / 5)
  })

  if (compression !== 'none') {
    test(`${compression}: bytes that it did not write are a FatalError`, () => {
      const broken = compress(compression, text).subarray(0, -20)
      assert.throws(() => decompress(compressionId(compression), broken), FatalError)
      assert.throws(() => decompress(compressionId(compression), Buffer.from('no such thing')), FatalError)
    })
  }
}

test('snappy without framing, as some clients write it, is read too', () => {
  assert.deepEqual(decompress(compressionId('snappy'), compressSync(text)), text)
})

test('an unknown codec is a FatalError', () => {
  assert.throws(() => decompress(7, text), FatalError)
})
