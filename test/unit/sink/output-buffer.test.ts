import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecords } from '../../../service/kafka/records/decode-records.ts'
import { partitionForKey } from '../../../service/kafka/records/murmur2.ts'
import { OutputBuffer } from '../../../service/sink/output-buffer.ts'
import { RefusedError } from '../../../service/source/push.ts'

const identity = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false, compression: 'none' } as const

const bufferOf = (topics: Readonly<Record<string, number>>, messageBytesMax = 1000) =>
  new OutputBuffer({ partitionsOf: (topic) => topics[topic], messageBytesMax: () => messageBytesMax, compression: 'none' })

/** `topic-partition: values`, one entry a record batch. */
function written(outputs: OutputBuffer): readonly string[] {
  return outputs.batches().map(({ topic, partition, records }) => {
    const bytes = records.finish(identity)
    const { columns } = decodeRecords(bytes, 0, bytes.length, 0, null)
    return `${topic}-${partition}: ${Array.from({ length: columns.count }, (_, i) => columns.value(i)?.toString() ?? 'null').join()}`
  })
}

test('keys go where Java’s default partitioner puts them, as text and as bytes', () => {
  for (const key of ['a', 'customer-17', 'zoë', '', 'x'.repeat(300), '日本']) {
    const outputs = bufferOf({ t: 7 })
    outputs.append('t', undefined, key, 'text', 0, undefined)
    outputs.append('t', undefined, Buffer.from(key), 'bytes', 0, undefined)
    assert.deepEqual(written(outputs), [`t-${partitionForKey(Buffer.from(key), 7)}: text,bytes`])
  }
})

test('records without a key stay on one partition within a batch, and move on with the next', () => {
  const outputs = bufferOf({ t: 2 })
  const batch = () => {
    for (const value of ['1', '2']) outputs.append('t', undefined, null, value, 0, undefined)
    const result = written(outputs)
    outputs.clear()
    return result
  }
  assert.deepEqual([batch(), batch(), batch()], [['t-0: 1,2'], ['t-1: 1,2'], ['t-0: 1,2']])
})

test('no record batch is larger than the topic allows, and the order is kept', () => {
  const outputs = bufferOf({ t: 1 }, 400)
  const values = Array.from({ length: 20 }, (_, i) => `${i}-${'é'.repeat(30)}`)
  for (const value of values) outputs.append('t', 0, 'k', value, 0, undefined)
  const batches = outputs.batches()
  assert.ok(batches.length > 3 && batches.every(({ records }) => records.byteLength <= 400))
  assert.equal(
    written(outputs)
      .map((line) => line.slice('t-0: '.length))
      .join(),
    values.join(),
  )
  assert.deepEqual([...outputs.recordCounts()], [['t', 20]])
  assert.equal(outputs.recordCount, 20)
  outputs.clear()
  assert.deepEqual(written(outputs), [])
})

test('a record that is too large alone is refused, by its exact size', () => {
  const outputs = bufferOf({ t: 1 }, 400)
  outputs.append('t', 0, null, 'x'.repeat(290), 0, undefined)
  assert.throws(() => outputs.append('t', 0, null, 'x'.repeat(400), 0, undefined), { name: 'RefusedError', reason: 'too-large' })
  outputs.append('t', 0, null, 'small', 0, undefined)
  assert.equal(outputs.recordCount, 2)
})

test('a time before 1970 or that is none is refused', () => {
  const outputs = bufferOf({ t: 1 })
  for (const time of [-1, Number.NaN]) {
    assert.throws(() => outputs.append('t', 0, null, 'x', time, undefined), { name: 'RefusedError', reason: 'negative-time' })
  }
})

test('a partition that does not exist, or a choice that throws, is refused', () => {
  const outputs = bufferOf({ t: 2 })
  const throwing = () => {
    throw new Error('no idea')
  }
  for (const partition of [2, -1, 0.5, () => 7, throwing]) {
    assert.throws(() => outputs.append('t', partition, 'k', 'x', 0, undefined), { name: 'RefusedError', reason: 'partition' })
  }
  outputs.append('t', (key, partitions) => (key?.length ?? 0) % partitions, 'odd', 'x', 0, undefined)
  assert.deepEqual(written(outputs), ['t-1: x'])
})

test('records of an unknown topic wait until it is resolved, in order', () => {
  const topics: Record<string, number> = {}
  const outputs = bufferOf(topics)
  const refusals: RefusedError[] = []
  const record = {
    partition: undefined,
    key: null,
    timestamp: 0,
    headers: undefined,
    refused: (e: RefusedError) => void refusals.push(e),
  }
  assert.equal(outputs.knows('later'), false)
  outputs.appendLater({ ...record, topic: 'later', value: '1' })
  outputs.appendLater({ ...record, topic: 'never', value: '2' })
  topics.later = 1
  assert.equal(outputs.knows('later'), false, 'what waits goes first')
  outputs.append('later', undefined, null, '3', 0, undefined)
  assert.deepEqual(outputs.unresolvedTopics(), ['later', 'never'])
  outputs.resolve('later', 1)
  outputs.resolve('never', undefined)
  assert.deepEqual(written(outputs), ['later-0: 1,3'])
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    ['unknown-topic'],
  )
  assert.deepEqual(outputs.unresolvedTopics(), [])
})

test('a topic that has more partitions than in the last batch is read anew', () => {
  const topics = { t: 1 }
  const outputs = bufferOf(topics)
  outputs.append('t', 0, null, 'x', 0, undefined)
  outputs.clear()
  topics.t = 2
  outputs.clear()
  outputs.append('t', 1, null, 'y', 0, undefined)
  assert.deepEqual(written(outputs), ['t-1: y'])
})
