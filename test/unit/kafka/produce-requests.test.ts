import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestsOf } from '../../../service/kafka/produce-requests.ts'

test('requests are cut by bytes, one batch a partition, and no batch overtakes another of its partition', () => {
  const one = (index: number, partition: number, bytes: number) => ({ index, topic: 't', partition, bytes: Buffer.alloc(bytes) })
  const cut = (...batches: ReturnType<typeof one>[]) =>
    requestsOf(batches, 100).map((request) => request.map(({ index }) => index))
  assert.deepEqual(cut(one(0, 0, 10), one(1, 1, 10), one(2, 0, 10)), [[0, 1], [2]])
  assert.deepEqual(cut(one(0, 0, 60), one(1, 1, 60), one(2, 1, 10), one(3, 2, 10)), [[0, 3], [1], [2]])
  assert.deepEqual(cut(one(0, 0, 1000), one(1, 1, 1)), [[0], [1]])
  assert.deepEqual(cut(), [])
})
