import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2, partitionForKey } from '../../../../service/kafka/records/murmur2.ts'

test('the vectors of the Java client', () => {
  const vectors = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const
  for (const [text, hash] of vectors) assert.equal(murmur2(Buffer.from(text)), hash, text)
})

test('random bytes of every length modulo 4, hashed by the Java client', () => {
  const vectors = [
    ['', 275646681],
    ['99', 1288378381],
    ['1834', -1042682160],
    ['5a94c9', -313141582],
    ['390b7702', 612225306],
    ['09d32a595d', 99467382],
    ['41f4b3e592471a', -525456804],
    ['05194bb55dcab391', -356129997],
    ['0016175aa147e1f3e98ee81edf7fae40', -688685700],
    ['bfe793d9fced52b202e34d15e5c4caaf166fc2edcea4fb1b65e240a4e944b3', -143898735],
  ] as const
  for (const [hex, hash] of vectors) assert.equal(murmur2(Buffer.from(hex, 'hex')), hash, hex)
})

test('a partition is the hash without its sign, modulo the partitions', () => {
  assert.equal(partitionForKey(Buffer.from('21'), 10), (-973932308 & 0x7fffffff) % 10)
  assert.equal(partitionForKey(Buffer.from('abc'), 7), 479470107 % 7)
})
