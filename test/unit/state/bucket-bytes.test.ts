import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { FatalError } from '../../../service/errors.ts'
import { bucketBytes, bucketTime } from '../../../service/state/bucket-bytes.ts'

const edges = [0, 1, -1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53, -(2 ** 53), 2 ** 60, -(2 ** 60)]
const times = fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger())

it('a time survives as 8 bytes, big-endian, with the sign bit flipped', () => {
  assert.equal(bucketBytes(0).toString('hex'), '8000000000000000')
  assert.equal(bucketBytes(-0).toString('hex'), '8000000000000000')
  assert.equal(bucketBytes(1).toString('hex'), '8000000000000001')
  assert.equal(bucketBytes(-1).toString('hex'), '7fffffffffffffff')
  fc.assert(
    fc.property(times, (time) => {
      const flipped = BigInt.asUintN(64, BigInt(time)) ^ (1n << 63n)
      assert.equal(bucketBytes(time).readBigUInt64BE(), flipped)
      assert.equal(bucketTime(bucketBytes(time)), time)
    }),
  )
})

it('the bytes sort as the times do', () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      assert.equal(Buffer.compare(bucketBytes(a), bucketBytes(b)), Math.sign(a - b))
    }),
  )
})

it('refuses what is no time, and what are no bytes of one', () => {
  for (const time of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 63, -(2 ** 63)])
    assert.throws(() => bucketBytes(time), FatalError)
  for (const length of [0, 7, 9]) assert.throws(() => bucketTime(Buffer.alloc(length)), FatalError)
})
