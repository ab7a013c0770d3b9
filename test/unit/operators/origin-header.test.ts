import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeOrigin, encodeOrigin, type OriginHeader } from '../../../service/operators/origin-header.ts'

const origin = { topic: 3, partition: 11, offset: 2 ** 52 + 1 }
const headers: readonly OriginHeader[] = [
  { keyKind: 's', origin },
  { keyKind: 'n' },
  { keyKind: 'b', origin, lateStamp: 17 },
  { keyKind: 's', origin, negativeTime: -(2 ** 53) },
  { keyKind: 's', lateStamp: -1, negativeTime: -2 },
  { keyKind: 's', origin, slot: 1_700_000_000_000 },
  { keyKind: 'n', lateStamp: -1, negativeTime: -2, slot: 0 },
]

test('what was encoded is decoded', () => {
  for (const header of headers) assert.deepEqual(decodeOrigin(encodeOrigin(header)), header)
})

test('the format is fixed: version, flags, key kind, topic, partition, offset', () => {
  assert.equal(
    encodeOrigin({ keyKind: 's', origin: { topic: 1, partition: 2, offset: 3 } }).toString('hex'),
    '010173' + '0001' + '00000002' + '4008000000000000',
  )
})

test('what another version wrote is refused', () => {
  assert.throws(() => decodeOrigin(Buffer.from('020073', 'hex')), { code: 'fatal' })
  assert.throws(() => decodeOrigin(encodeOrigin({ keyKind: 's', origin }).subarray(1)), { code: 'fatal' })
  assert.throws(() => decodeOrigin(Buffer.from('01007a', 'hex')), /key of unknown kind "z"/)
})
