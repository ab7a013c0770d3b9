/** The independent reader itself: it sees what was committed, nothing of what was aborted, and how far an open transaction lets it come. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { endOffsets, groupOffsets, readCommitted } from '../support/console-consumer.ts'

const brokers = process.env.CAUDAL_TEST_KAFKA?.split(',') ?? []
const skip = brokers.length === 0 && 'CAUDAL_TEST_KAFKA is not set: no Kafka to test on'

test('only committed records are read, and a hanging transaction shows', { skip }, async (t) => {
  const topic = `witness.${randomUUID()}`
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1, retry: { retries: 20 } })
  t.after(() => Promise.all([producer.disconnect(), admin.disconnect()]))
  await Promise.all([admin.connect(), producer.connect()])
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
  const send = async (partition: number, value: string | null) => {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ partition, key: 'k', value, timestamp: '1000', headers: { h: 'v' } }] })
    return transaction
  }
  await (await send(0, 'a\nb | €')).commit()
  await (await send(0, 'never')).abort()
  await (await send(1, null)).commit()
  const open = await send(1, 'not yet')

  const record = { offset: 0, timestamp: 1000, headers: 'h:v', key: 'k' }
  assert.deepEqual(await readCommitted({ brokers, topic, group: topic }), [
    { ...record, partition: 0, value: 'a\nb | €' },
    { ...record, partition: 1, value: null },
  ])
  const offsets = (await groupOffsets(brokers, topic)).toSorted((a, b) => a.partition - b.partition)
  assert.deepEqual(offsets, [
    { topic, partition: 0, committed: 4, end: 4 },
    { topic, partition: 1, committed: 2, end: 3 },
  ])
  assert.deepEqual(await endOffsets(brokers, [topic]), [
    { topic, partition: 0, offset: 4 },
    { topic, partition: 1, offset: 3 },
  ])
  await open.abort()
})
