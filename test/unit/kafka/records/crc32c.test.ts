import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from '../../../../service/kafka/records/crc32c.ts'

/** The definition, bit by bit. */
function slow(bytes: Buffer): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('the check values of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283)
  assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa)
  assert.equal(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43)
})

test('any range of any bytes, whatever its alignment and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(40), fc.nat(40), (content, before, after) => {
      const bytes = Buffer.from(content)
      const start = Math.min(before, bytes.length)
      const end = Math.max(start, bytes.length - after)
      assert.equal(crc32c(bytes, start, end), slow(bytes.subarray(start, end)))
    }),
  )
})
