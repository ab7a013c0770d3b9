import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from '../../../service/codec/text.ts'
import { describeRecord, noProvenance, RecordInput, sourceProvenance, StreamRecord } from '../../../service/source/record.ts'
import { columnsOf } from '../operators/tasks.ts'

const columns = columnsOf(
  [
    { key: 'zoë', value: '1', timestamp: 5, headers: [['h', 'x']] },
    { key: null, value: '2', timestamp: 6 },
  ],
  40,
)
const shared = { topic: 't', partition: 3, first: 0, keys: text() }
const input = new RecordInput({ ...shared, columns, timestamps: columns.timestamps, provenance: sourceProvenance })

test('a record reads its key, time, headers and source from the columns', () => {
  const record = new StreamRecord(input, 0)
  assert.deepEqual([record.hasKey, record.writableKey], [true, Buffer.from('zoë')])
  assert.equal(record.keyLatin1, Buffer.from('zoë').toString('latin1'))
  assert.deepEqual([record.key, record.timestamp, record.source], ['zoë', 5, { topic: 't', partition: 3, offset: 40n }])
  assert.deepEqual(record.headers, { h: Buffer.from('x') })
  assert.equal(record.headers, record.headers)
  assert.equal(describeRecord(record), 'topic t, partition 3, offset 40')
})

test('a null key reads as empty text, and is written as null', () => {
  const record = new StreamRecord(input, 1)
  assert.deepEqual(
    [record.key, record.hasKey, record.keyLatin1, record.keyBytes, record.writableKey],
    ['', false, null, null, null],
  )
  assert.deepEqual(record.headers, {})
})

test('with another key, everything else stays', () => {
  const record = new StreamRecord(input, 0).withKey(input.withKeys(text()), 'new', 'new')
  assert.deepEqual([record.key, record.writableKey, record.timestamp, record.origin?.offset], ['new', 'new', 5, 40])
})

test('a row of a table has a key and a time, and nothing else', () => {
  const rows = new RecordInput({ ...shared, columns: null, timestamps: Float64Array.of(9), provenance: noProvenance })
  const row = new StreamRecord(rows, 0, Buffer.from('zoë').toString('latin1'))
  assert.deepEqual([row.key, row.timestamp, row.source, row.headers, row.hasKey], ['zoë', 9, undefined, {}, true])
  assert.equal(describeRecord(row), 'row with key "zoë"')
})

test('with other event times, everything else stays, a new key too; the first keeps its own', () => {
  const record = new StreamRecord(input, 0).withKey(input.withKeys(text()), 'new', 'new')
  record.input.stamps.set(0, 4)
  const times = record.input.withTimes()
  times.timestamps[0] = 77
  const timed = record.withTimes(times)
  assert.deepEqual([timed.key, timed.writableKey, timed.timestamp, timed.origin?.offset], ['new', 'new', 77, 40])
  assert.deepEqual([timed.stamp, record.stamp, record.timestamp], [Number.NEGATIVE_INFINITY, 4, 5])
})
