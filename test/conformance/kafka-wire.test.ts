/** Record batches and connections against a real Kafka: what caudal writes, Kafka's own tools read; and a closed wire leaves nothing running. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { missingForKafka } from '../../service/sandbox/artifacts.ts'
import { systemClock } from '../../service/clock.ts'
import { compressions } from '../../service/kafka/records/compression.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import { KafkaWire } from '../../service/kafka/wire/kafka-wire.ts'
import { bootstrapNode, type NodeId } from '../../service/kafka/wire/wire.ts'
import { silentLog } from '../../service/log.ts'
import { readCommitted } from '../support/console-consumer.ts'
import { kafkaLogins } from '../support/logins.ts'
import { listOffsetsBody } from './wire-client.ts'

const brokers = process.env['CAUDAL_TEST_KAFKA']?.split(',') ?? []
const skip = brokers.length === 0 ? 'CAUDAL_TEST_KAFKA is not set: no broker to run against' : false
const topic = `records-${systemClock.id()}`
const perBatch = 2000
const firstTime = 1_700_000_000_000

/** Record `n` of the topic: times go back by days, every seventh value is null, some have headers. */
const expectedRecord = (n: number) => ({
  key: n % 5 === 0 ? null : `key ${n}`,
  value: n % 7 === 0 ? null : `${compressions[Math.floor(n / perBatch)]} value ${n} äöü 🐟`,
  timestamp: firstTime - (n % perBatch) * 500_000_000,
  headers: n % 3 === 0 ? [['name', 'content'] as const, ['none', null] as const] : [],
})

describe('record batches on a real Kafka', { skip }, () => {
  let wire: KafkaWire
  let leader: NodeId

  before(async () => {
    wire = new KafkaWire({ brokers, clientId: 'conformance', log: silentLog, ...kafkaLogins })
    const { controllerId } = await wire.request(bootstrapNode, 'meta', 'Metadata', { topics: [] })
    const configs = [{ name: 'retention.ms', value: '-1' }]
    const topics = [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs }]
    const created = await wire.request(controllerId, 'meta', 'CreateTopics', { topics, timeoutMs: 10_000 })
    assert.equal(created.topics[0]?.errorCode, errorCode.NONE)
    leader = await leaderOf(wire)
  })
  after(async () => {
    await wire.request(leader, 'meta', 'DeleteTopics', { topics: [{ name: topic, topicId: '0'.repeat(32) }], timeoutMs: 10_000 })
    await wire.close()
  })

  test('the broker takes batches of every compression', async () => {
    let next = 0
    for (const compression of compressions) {
      const builder = new RecordBatchBuilder()
      for (const end = next + perBatch; next < end; next++) {
        const { key, value, timestamp, headers } = expectedRecord(next)
        builder.append(key, value, timestamp, headers)
      }
      const identity = { producerId: -1, producerEpoch: -1, firstSequence: -1, transactional: false, compression }
      const partitionData = [{ index: 0, records: builder.finish(identity) }]
      const produce = { acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] }
      const [answer] = (await wire.request(leader, 'produce', 'Produce', produce)).responses[0]?.partitionResponses ?? []
      assert.equal(answer?.errorCode, errorCode.NONE, `${compression}: ${answer?.errorMessage}`)
      assert.equal(answer?.baseOffset, next - perBatch)
    }
  })

  test('they come back as they were written', async () => {
    const end = perBatch * compressions.length
    for (let offset = 0; offset < end; ) {
      const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 100_000 }]
      const fetch = { maxWaitMs: 1000, minBytes: 1, isolationLevel: 1, topics: [{ topic, partitions }], forgottenTopicsData: [] }
      const [answer] = (await wire.request(leader, 'fetch', 'Fetch', fetch)).responses[0]?.partitions ?? []
      const records = answer?.records ?? Buffer.alloc(0)
      const { columns, nextOffset } = decodeRecords(records, 0, records.length, offset, answer?.abortedTransactions ?? [])
      assert.equal(columns.count, nextOffset - offset)
      for (let i = 0; i < columns.count; i++) {
        const { key, value, timestamp, headers } = expectedRecord(offset + i)
        assert.equal(columns.offsets[i], offset + i)
        assert.equal(columns.timestamps[i], timestamp)
        assert.equal(columns.key(i)?.toString() ?? null, key)
        assert.equal(columns.value(i)?.toString() ?? null, value)
        assert.deepEqual(
          columns.headers(i).map(([name, content]) => [name, content?.toString() ?? null]),
          headers,
        )
      }
      assert.ok(nextOffset > offset)
      offset = nextOffset
    }
  })

  test("Kafka's own consumer reads the same", { skip: missingForKafka() ?? false }, async () => {
    const records = await readCommitted({ brokers, topic, expectedCount: perBatch * compressions.length })
    assert.equal(records.length, perBatch * compressions.length)
    for (const [n, { key, value, timestamp }] of records.entries()) {
      const expected = expectedRecord(n)
      assert.deepEqual({ key, value, timestamp }, { key: expected.key, value: expected.value, timestamp: expected.timestamp })
    }
  })

  test('a process that closes its wire ends, without a word on its standard error', async () => {
    const service = new URL('../../service/', import.meta.url).href
    const program = `
      const { KafkaWire } = await import('${service}kafka/wire/kafka-wire.ts')
      const { silentLog } = await import('${service}log.ts')
      const options = ${JSON.stringify({ brokers, clientId: 'ends', ...kafkaLogins })}
      const wire = new KafkaWire({ ...options, log: silentLog })
      const { brokers } = await wire.request(-1, 'meta', 'Metadata', { topics: [] })
      await wire.request(brokers[0].nodeId, 'other', 'Metadata', { topics: null })
      await wire.close()`
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 })
    assert.equal(stderr, '')
  })
})

/** A topic that was just created may take a moment to have a leader, and that one to know of it. */
async function leaderOf(wire: KafkaWire): Promise<NodeId> {
  for (let tries = 0; tries < 100; tries++) {
    const { topics } = await wire.request(bootstrapNode, 'meta', 'Metadata', {
      topics: [{ name: topic }],
      allowAutoTopicCreation: false,
    })
    const [partition] = topics[0]?.partitions ?? []
    if (partition?.errorCode === errorCode.NONE) {
      const latest = await wire.request(partition.leaderId, 'meta', 'ListOffsets', listOffsetsBody(topic, 0, -1, 0))
      if (latest.topics[0]?.partitions[0]?.errorCode === errorCode.NONE) return partition.leaderId
    }
    await systemClock.sleep(50)
  }
  throw new Error(`${topic} has no leader`)
}
