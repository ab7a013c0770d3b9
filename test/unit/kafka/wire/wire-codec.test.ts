import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FatalError } from '../../../../service/errors.ts'
import { ByteReader } from '../../../../service/kafka/wire/byte-reader.ts'
import { messageCodec } from '../../../../service/kafka/wire/message-codec.ts'
import { decodeAnswer, encodeRequest } from '../../../../service/kafka/wire/wire-codec.ts'

test('a frame has its size, the header of its version, and the body', () => {
  const frame = Buffer.concat(
    encodeRequest('Heartbeat', 'me', { groupId: 'g', generationId: 5, memberId: 'm', groupInstanceId: null }),
  )
  assert.equal(frame.readInt32BE(0), frame.length - 4)
  assert.deepEqual([frame.readInt16BE(4), frame.readInt16BE(6), frame.readInt32BE(8)], [12, 4, 0])
  assert.equal(frame.toString('utf8', 14, 16), 'me')
  assert.equal(frame[16], 0)
  const body = messageCodec('Heartbeat', 'request', 4).decode(new ByteReader(frame.subarray(17)))
  assert.deepEqual(body, { groupId: 'g', generationId: 5, memberId: 'm', groupInstanceId: null })
})

test('records are in the frame without a copy', () => {
  const records = Buffer.alloc(100_000, 1)
  const partitionData = [{ index: 0, records }]
  const parts = encodeRequest('Produce', 'me', { acks: -1, timeoutMs: 1, topicData: [{ name: 't', partitionData }] })
  assert.ok(parts.includes(records))
  assert.equal(Buffer.concat(parts).readInt32BE(0), Buffer.concat(parts).length - 4)
})

test('records of an answer are views of its bytes', () => {
  const partition = Buffer.from(
    '00 00000000 0000 00000000 02 0274 02 00000003 0000 0000000000000009 0000000000000008 0000000000000001 00 ffffffff 04 616263 00 00 00'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  )
  const answer = decodeAnswer('Fetch', partition)
  const [first] = answer.responses[0]?.partitions ?? []
  assert.equal(first?.partitionIndex, 3)
  assert.equal(first?.highWatermark, 9)
  assert.equal(first?.abortedTransactions, null)
  assert.equal(first?.records?.toString(), 'abc')
  assert.equal(first?.records?.buffer, partition.buffer)
})

test('an answer that cannot be read is a FatalError that names the request', () => {
  assert.throws(
    () => decodeAnswer('Heartbeat', Buffer.from([0, 1])),
    (error) => error instanceof FatalError && /Heartbeat/.test(error.message),
  )
})

test('in an older version a request has its number, and leaves out what that has no field for', () => {
  const body = { stateFilters: ['Ongoing'], producerIdFilters: [7], durationFilter: 5 }
  const frame = Buffer.concat(encodeRequest('ListTransactions', 'me', body, 0))
  assert.equal(frame.readInt16BE(6), 0)
  const decoded = messageCodec('ListTransactions', 'request', 0).decode(new ByteReader(frame.subarray(17)))
  assert.deepEqual(decoded, { stateFilters: ['Ongoing'], producerIdFilters: [7] })
})

test('in an older version an answer has what that lacks by its default', () => {
  const answer = decodeAnswer('EndTxn', Buffer.from('00 00000000 0000 00'.replaceAll(' ', ''), 'hex'), 3)
  assert.deepEqual(answer, { throttleTimeMs: 0, errorCode: 0, producerId: -1, producerEpoch: -1 })
})
