import assert from 'node:assert/strict'
import { it } from 'node:test'
import { packKeys, packWrites } from '../../../service/state/script-packing.ts'

const bucket = Buffer.from('8000000000000001', 'hex')
// MessagePack, by hand.
const list = (count: number) => `dd${hex32(count)}`
const text = (value: string) => `db${hex32(value.length)}${Buffer.from(value, 'latin1').toString('hex')}`
const number = (value: number) => `cd${value.toString(16).padStart(4, '0')}`
const hex32 = (value: number) => value.toString(16).padStart(8, '0')

it('packs keys as runs of one target', () => {
  const { packed, buckets } = packKeys([
    { bucket: null, key: Buffer.from('ab') },
    { bucket, key: Buffer.alloc(0) },
    { bucket: Buffer.from(bucket), key: Buffer.from('c') },
    { bucket: Buffer.alloc(8), key: Buffer.from([0xff]) },
    { bucket, key: Buffer.from('d') },
  ])
  assert.deepEqual(buckets, ['8000000000000001', '0000000000000000'])
  const runs = [
    list(2) + number(0) + list(1) + text('ab'),
    list(2) + number(1) + list(2) + text('') + text('c'),
    list(2) + number(2) + list(1) + text('\u00ff'),
    list(2) + number(1) + list(1) + text('d'),
  ]
  assert.equal(packed.toString('hex'), list(4) + runs.join(''))
  assert.equal(packKeys([]).packed.toString('hex'), list(0))
})

it('packs writes as runs of one command and one target', () => {
  const { packed, buckets } = packWrites([
    { bucket: null, key: Buffer.from('a'), value: Buffer.from('xy') },
    { bucket: null, key: Buffer.from('b'), value: Buffer.alloc(0) },
    { bucket: null, key: Buffer.from('c'), value: null },
    { bucket, key: Buffer.from('d'), value: null },
    { bucket: Buffer.alloc(8), key: Buffer.alloc(0), value: Buffer.from('z') },
  ])
  assert.deepEqual(buckets, ['8000000000000001', '0000000000000000'])
  const runs = [
    list(3) + text('HSET') + number(0) + list(4) + text('a') + text('xy') + text('b') + text(''),
    list(3) + text('HDEL') + number(0) + list(1) + text('c'),
    list(3) + text('HDEL') + number(1) + list(1) + text('d'),
    list(3) + text('HSET') + number(2) + list(2) + text('') + text('z'),
  ]
  assert.equal(packed.toString('hex'), list(4) + runs.join(''))
})
