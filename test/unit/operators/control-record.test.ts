import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ControlRecord, decodeControl, encodeControl } from '../../../service/operators/control-record.ts'

test('what was encoded is decoded', () => {
  const records: readonly ControlRecord[] = [
    { kind: 'watermark', upstream: '0_3', time: 1_700_000_000_000 },
    { kind: 'idle', upstream: '12_345', time: Number.NEGATIVE_INFINITY },
    { kind: 'end-of-run', upstream: '1_0', time: -5 },
  ]
  for (const record of records) assert.deepEqual(decodeControl(encodeControl(record)), record)
})

test('the format is fixed: version, kind, sub-topology, partition, time', () => {
  assert.equal(
    encodeControl({ kind: 'idle', upstream: '1_2', time: 3 }).toString('hex'),
    '0101' + '00000001' + '00000002' + '4008000000000000',
  )
})

test('what another version wrote is refused', () => {
  assert.throws(() => decodeControl(Buffer.from('0201', 'hex')), { code: 'fatal' })
  assert.throws(() => decodeControl(Buffer.alloc(18, 1).fill(9, 1, 2)), { code: 'fatal' })
})
