import assert from 'node:assert/strict'
import { it } from 'node:test'
import { packKeys, packWrites } from '../../../service/state/script-packing.ts'

it('packs keys behind their targets and lengths', () => {
  const bucket = Buffer.from('8000000000000001', 'hex')
  const { packed, buckets } = packKeys([
    { bucket: null, key: Buffer.from('ab') },
    { bucket, key: Buffer.alloc(0) },
    { bucket: Buffer.alloc(8), key: Buffer.from([0xff]) },
    { bucket: Buffer.from(bucket), key: Buffer.from('c') },
  ])
  assert.deepEqual(buckets, ['8000000000000001', '0000000000000000'])
  assert.equal(packed.toString('hex'), '0000000000026162' + '000100000000' + '000200000001ff' + '00010000000163')
  assert.equal(packKeys([]).packed.length, 0)
})

it('packs writes with their targets, a deletion as length -1', () => {
  const bucket = Buffer.from('8000000000000001', 'hex')
  const { packed, buckets } = packWrites([
    { bucket: null, key: Buffer.from('a'), value: Buffer.from('xy') },
    { bucket, key: Buffer.from('b'), value: null },
    { bucket: Buffer.alloc(8), key: Buffer.alloc(0), value: Buffer.alloc(0) },
    { bucket: Buffer.from(bucket), key: Buffer.from('c'), value: null },
  ])
  assert.deepEqual(buckets, ['8000000000000001', '0000000000000000'])
  assert.equal(
    packed.toString('hex'),
    [
      '0000',
      '00000001',
      '61',
      '00000002',
      '7879',
      '0001',
      '00000001',
      '62',
      'ffffffff',
      '0002',
      '00000000',
      '00000000',
      '0001',
      '00000001',
      '63',
      'ffffffff',
    ].join(''),
  )
})
