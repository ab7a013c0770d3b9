/** Partition logs, as the Wire port shows them: produce, fetch, offsets, sequences, deletion. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { decodeRecords } from '../../service/kafka/records/decode-records.ts'
import { outsideTransactions, RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import type { RequestOf } from '../../service/kafka/wire/messages.ts'
import { batchOf, eventually, expectError, fetchBody, fresh, type KafkaUnderTest, WireClient } from './wire-client.ts'

export function logTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())

  describe('produce and fetch', { concurrency: true }, () => {
    test('records come back as they were sent, at the offsets that were answered', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const builder = new RecordBatchBuilder(256)
      const now = systemClock.now()
      builder.append(null, 'no key', now)
      builder.append('key', null, now - 86_400_000, [
        ['header', Buffer.from([0, 255])],
        ['empty', null],
      ])
      builder.append('', 'ä€𝄞', now + 5)
      const identity = { ...outsideTransactions, compression: 'zstd' } as const
      assert.equal(await client.produce(topic, 0, batchOf(['first'])), 0)
      assert.equal(await client.produce(topic, 0, Buffer.from(builder.finish(identity))), 1)
      const fetched = await client.fetch(topic, 1)
      assert.equal(fetched.highWatermark, 4)
      assert.equal(fetched.lastStableOffset, 4)
      const records = fetched.records ?? Buffer.alloc(0)
      const { columns, nextOffset } = decodeRecords(records, 0, records.length, 1, null)
      assert.equal(nextOffset, 4)
      assert.deepEqual([...columns.offsets.subarray(0, 3)], [1, 2, 3])
      assert.deepEqual([...columns.timestamps.subarray(0, 3)], [now, now - 86_400_000, now + 5])
      assert.deepEqual(
        [0, 1, 2].map((i) => columns.key(i)?.toString() ?? null),
        [null, 'key', ''],
      )
      assert.deepEqual(
        [0, 1, 2].map((i) => columns.value(i)?.toString() ?? null),
        ['no key', null, 'ä€𝄞'],
      )
      assert.deepEqual(columns.headers(1), [
        ['header', Buffer.from([0, 255])],
        ['empty', null],
      ])
    })

    test('a fetch waits for records, and no longer than it says', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const node = await client.leader(topic)
      const before = systemClock.monotonic()
      const empty = await client.ask('Fetch', fetchBody(topic, 0, { maxWaitMs: 150 }), node)
      assert.equal(empty.responses[0]?.partitions[0]?.records?.length ?? 0, 0)
      assert.ok(systemClock.monotonic() - before >= 140)
      const since = systemClock.monotonic()
      const waiting = client.wire.request(node, 'long-poll', 'Fetch', fetchBody(topic, 0, { maxWaitMs: 25_000 }))
      await client.produce(topic, 0, batchOf(['a']))
      const woken = await waiting
      assert.ok((woken.responses[0]?.partitions[0]?.records?.length ?? 0) > 0)
      assert.ok(systemClock.monotonic() - since < 25_000)
    })

    test('limits cut the last batch short, but never the first', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const batch = batchOf(['x'.repeat(1_000)])
      for (let i = 0; i < 3; i++) await client.produce(topic, 0, batch)
      const decoded = async (partitionMaxBytes: number, maxBytes = 1_000_000) => {
        const { records } = await client.fetch(topic, 0, { partitionMaxBytes, maxBytes })
        return decodeRecords(records ?? Buffer.alloc(0), 0, records?.length ?? 0, 0, null).nextOffset
      }
      assert.equal(await decoded(1), 1)
      assert.equal(await decoded(1_000_000, 1), 1)
      assert.equal(await decoded(batch.length * 2 + 10), 2)
      assert.equal(await decoded(1_000_000), 3)
    })

    test('a fetch from the middle of a batch returns the whole batch', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      await client.produce(topic, 0, batchOf(['a', 'b', 'c']))
      assert.deepEqual(await client.read(topic, 'uncommitted', 1), ['b', 'c'])
    })

    test('an offset that the log does not have', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      await client.produce(topic, 0, batchOf(['a']))
      expectError((await client.fetch(topic, 1)).errorCode, 'NONE')
      expectError((await client.fetch(topic, 2, { maxWaitMs: 5_000 })).errorCode, 'OFFSET_OUT_OF_RANGE')
    })

    test('a leader epoch that is not the present one', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      expectError((await client.fetch(topic, 0, { currentLeaderEpoch: 7 })).errorCode, 'UNKNOWN_LEADER_EPOCH')
    })

    test('topics and partitions that do not exist', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const node = await client.leader(topic)
      for (const [name, partition] of [
        [fresh('missing'), 0],
        [topic, 9],
      ] as const) {
        const fetched = await client.ask('Fetch', fetchBody(name, 0, { partition }), node)
        expectError(fetched.responses[0]?.partitions[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
        const topicData = [{ name, partitionData: [{ index: partition, records: batchOf(['a']) }] }]
        const produced = await client.ask('Produce', { acks: -1, timeoutMs: 1_000, topicData }, node)
        expectError(produced.responses[0]?.partitionResponses[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
      }
    })

    test('batches that are refused', async () => {
      const client = await connect()
      // Before Kafka 4 records may be any time ahead unless the topic says otherwise.
      const topic = await client.createTopic(1, { 'max.message.bytes': '2000', 'message.timestamp.after.max.ms': '3600000' })
      const refusal = async (records: Buffer) => (await client.tryProduce(topic, 0, records)).errorCode
      expectError(await refusal(batchOf(['x'.repeat(3_000)])), 'MESSAGE_TOO_LARGE')
      expectError(await refusal(batchOf(['x'], { timestamp: systemClock.now() + 86_400_000 })), 'INVALID_TIMESTAMP')
      const corrupt = batchOf(['x'])
      corrupt[corrupt.length - 2] = (corrupt[corrupt.length - 2] ?? 0) ^ 1
      expectError(await refusal(corrupt), 'CORRUPT_MESSAGE')
      assert.equal(await client.offsetAt(topic, -1, 'uncommitted'), 0)
    })

    test('a compacted topic takes no record without a key', async () => {
      const client = await connect()
      const topic = await client.createTopic(1, { 'cleanup.policy': 'compact' })
      const builder = new RecordBatchBuilder(64)
      builder.append(null, 'a', systemClock.now())
      expectError(
        (await client.tryProduce(topic, 0, Buffer.from(builder.finish(outsideTransactions)))).errorCode,
        'INVALID_RECORD',
      )
    })

    test('offsets by time', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const now = systemClock.now()
      await client.produce(topic, 0, batchOf(['a', 'b'], { timestamp: now - 1_000 }))
      await client.produce(topic, 0, batchOf(['c'], { timestamp: now }))
      assert.equal(await client.offsetAt(topic, -2, 'uncommitted'), 0)
      assert.equal(await client.offsetAt(topic, -1, 'uncommitted'), 3)
      assert.equal(await client.offsetAt(topic, now - 1_000, 'uncommitted'), 0)
      assert.equal(await client.offsetAt(topic, now - 500, 'uncommitted'), 2)
      assert.equal(await client.offsetAt(topic, now + 500, 'uncommitted'), -1)
    })

    test('the end of a leader epoch', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      await client.produce(topic, 0, batchOf(['a', 'b']))
      const ask = async (leaderEpoch: number) => {
        const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }]
        const answer = await client.ask('OffsetForLeaderEpoch', { topics: [{ topic, partitions }] }, await client.leader(topic))
        return answer.topics[0]?.partitions[0]
      }
      assert.equal((await ask(0))?.endOffset, 2)
      assert.equal((await ask(5))?.endOffset, -1)
    })
  })

  describe('idempotent producers', { concurrency: true }, () => {
    const start = async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const { producerId, producerEpoch } = await eventually('a producer id', async () => {
        const answer = await client.ask('InitProducerId', { transactionalId: null, transactionTimeoutMs: 1_000 })
        return answer.errorCode === 0 ? answer : undefined
      })
      const by = { producerId, producerEpoch }
      const send = (sequence: number, values: readonly string[] = ['v']) =>
        client.tryProduce(topic, 0, batchOf(values, { by, sequence }))
      return { client, topic, by, send }
    }

    test('a repeated batch is answered with its first offset and not written again', async () => {
      const { client, topic, send } = await start()
      assert.equal((await send(0, ['a', 'b'])).baseOffset, 0)
      assert.equal((await send(2, ['c'])).baseOffset, 2)
      const repeated = await send(0, ['a', 'b'])
      expectError(repeated.errorCode, 'NONE')
      assert.equal(repeated.baseOffset, 0)
      assert.equal(await client.offsetAt(topic, -1, 'uncommitted'), 3)
    })

    test('only the last five batches are known again', async () => {
      const { send } = await start()
      for (let sequence = 0; sequence < 6; sequence++) await send(sequence)
      expectError((await send(1)).errorCode, 'NONE')
      expectError((await send(0)).errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    })

    test('a gap in the sequence is refused', async () => {
      const { send } = await start()
      await send(0)
      expectError((await send(2)).errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    })

    test('an older epoch is refused, a new one begins at sequence 0', async () => {
      const { client, topic, by } = await start()
      const newer = { ...by, producerEpoch: by.producerEpoch + 1 }
      const send = (identity: typeof by, sequence: number) =>
        client.tryProduce(topic, 0, batchOf(['v'], { by: identity, sequence }))
      await send(by, 0)
      expectError((await send(newer, 1)).errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      expectError((await send(newer, 0)).errorCode, 'NONE')
      expectError((await send(by, 1)).errorCode, 'INVALID_PRODUCER_EPOCH')
    })
  })

  describe('DeleteRecords', { concurrency: true }, () => {
    const deleting = async (client: WireClient, topic: string, offset: number) => {
      const topics: RequestOf<'DeleteRecords'>['topics'] = [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }]
      const answer = await client.ask('DeleteRecords', { topics, timeoutMs: 5_000 }, await client.leader(topic))
      return answer.topics[0]?.partitions[0]
    }

    test('moves the start of the log, into the middle of a batch too', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      await client.produce(topic, 0, batchOf(['a', 'b', 'c']))
      assert.equal((await deleting(client, topic, 2))?.lowWatermark, 2)
      assert.equal(await client.offsetAt(topic, -2, 'uncommitted'), 2)
      expectError((await client.fetch(topic, 1)).errorCode, 'OFFSET_OUT_OF_RANGE')
      assert.deepEqual(await client.read(topic, 'uncommitted', 2), ['c'])
      assert.equal((await deleting(client, topic, 1))?.lowWatermark, 2)
      assert.equal((await deleting(client, topic, -1))?.lowWatermark, 3)
      expectError((await deleting(client, topic, 4))?.errorCode, 'OFFSET_OUT_OF_RANGE')
    })

    test('is refused on a topic that is only compacted', async () => {
      const client = await connect()
      const topic = await client.createTopic(1, { 'cleanup.policy': 'compact' })
      await client.produce(topic, 0, batchOf(['a']))
      expectError((await deleting(client, topic, 1))?.errorCode, 'POLICY_VIOLATION')
    })

    test('deletes the records of an open transaction too', async () => {
      const client = await connect()
      const topic = await client.createTopic()
      const id = fresh('transactional')
      const by = await client.initialise(id)
      await client.produce(topic, 0, batchOf(['a', 'b'], { by, transactional: true }), id)
      assert.equal((await deleting(client, topic, 2))?.lowWatermark, 2)
      assert.equal(await client.offsetAt(topic, -1, 'committed'), 2)
      await client.end(id, by, true)
      await client.settled(topic)
      assert.deepEqual(await client.read(topic, 'committed', 2), [])
    })
  })
}
