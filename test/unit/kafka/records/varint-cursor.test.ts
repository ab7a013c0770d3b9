import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarintCursor } from '../../../../service/kafka/records/varint-cursor.ts'

const cursorOf = (...bytes: number[]) => new VarintCursor(Buffer.from(bytes), 0)

test('zigzag numbers of one, two and five bytes', () => {
  assert.equal(cursorOf(0).int(), 0)
  assert.equal(cursorOf(1).int(), -1)
  assert.equal(cursorOf(2).int(), 1)
  assert.equal(cursorOf(0x80, 0x01).int(), 64)
  assert.equal(cursorOf(0xff, 0x01).int(), -128)
  assert.equal(cursorOf(0xfe, 0xff, 0xff, 0xff, 0x0f).int(), 0x7fffffff)
  assert.equal(cursorOf(0xff, 0xff, 0xff, 0xff, 0x0f).int(), -0x80000000)
})

test('longs beyond 32 bits', () => {
  assert.equal(cursorOf(0x80, 0x80, 0x80, 0x80, 0x20).long(), 2 ** 32)
  assert.equal(cursorOf(0xff, 0xff, 0xff, 0xff, 0x1f).long(), -(2 ** 32))
  assert.equal(cursorOf(0x81, 0x01).long(), -65)
})

test('a number that never ends stops at the end of the block', () => {
  const cursor = cursorOf(0x80, 0x80)
  cursor.long()
  assert.ok(cursor.at > 2)
})

test('one that is longer than its type allows ends behind the block', () => {
  for (const read of [(cursor: VarintCursor) => cursor.int(), (cursor: VarintCursor) => cursor.long()]) {
    const cursor = cursorOf(...Buffer.alloc(11, 0x80), 1, 0, 0)
    read(cursor)
    assert.equal(cursor.at, 15)
  }
})
