/** Transactions of protocol 1, as the Wire port shows them: partitions are added first, epoch and sequences go on, and only an error ends them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorName } from '../../service/kafka/wire/error-codes.ts'
import { batchOf, expectError, fresh, type KafkaUnderTest } from './wire-client.ts'
import { producersOf } from './wire-producer.ts'

/** What a leader says to a batch whose partition is not in the transaction: Kafka 3.7, and newer ones. */
const notAdded = ['INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE']

export function sameEpochTests(kafka: () => Promise<KafkaUnderTest>): void {
  const { start, topicOf, timedOut } = producersOf(kafka)

  describe('an epoch for many transactions', { concurrency: true }, () => {
    test('sequences go on; one that came before is a duplicate, and is not written', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const before = producer.identity
      await producer.send(topic, 'a')
      await producer.end(true)
      assert.deepEqual(producer.identity, before)
      await producer.send(topic, 'b')
      assert.equal(await producer.client.produce(topic, 0, producer.batch(['lost'], 0), producer.id), 0)
      const gap = await producer.client.produceAnyhow(topic, 0, producer.batch(['d'], 5), producer.id)
      expectError(gap.errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['a', 'b'])
    })

    test('sequences go on after an abort too', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      await producer.send(topic, 'a')
      await producer.end(false)
      await producer.send(topic, 'b')
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['b'])
    })

    test('a batch is taken only where its partition was added, and only while the transaction is open', async () => {
      const [producer, topic, other] = [await start(), await topicOf(), await topicOf()]
      const { client, id } = producer
      const attempt = async (at: string, sequence: number) =>
        errorName((await client.produceAnyhow(at, 0, producer.batch(['x'], sequence), id)).errorCode)
      assert.ok(notAdded.includes(await attempt(topic, 0)))
      await producer.send(topic, 'a')
      assert.ok(notAdded.includes(await attempt(other, 0)))
      await producer.end(false)
      await client.settled(topic)
      assert.ok(notAdded.includes(await attempt(topic, 1)))
      assert.deepEqual(await client.read(topic, 'uncommitted'), ['a'])
    })

    test('partitions are added all together or not at all', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, id, identity } = producer
      const codes = await client.addPartitions(id, identity, [topic, fresh('missing')])
      assert.deepEqual(codes.map(errorName).sort(), ['OPERATION_NOT_ATTEMPTED', 'UNKNOWN_TOPIC_OR_PARTITION'])
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'INVALID_TXN_STATE')
      assert.deepEqual((await client.addPartitions(id, identity, [topic])).map(errorName), ['NONE'])
      assert.deepEqual((await client.addPartitions(id, identity, [topic])).map(errorName), ['NONE'])
      const stranger = { ...identity, producerId: identity.producerId + 999_999 }
      assert.deepEqual((await client.addPartitions(id, stranger, [topic])).map(errorName), ['INVALID_PRODUCER_ID_MAPPING'])
      const later = { ...identity, producerEpoch: identity.producerEpoch + 1 }
      assert.deepEqual((await client.addPartitions(id, later, [topic])).map(errorName), ['PRODUCER_FENCED'])
      await producer.end(false)
    })

    test('one that takes too long is aborted, and its producer is fenced', async () => {
      const { producer, topic } = await timedOut()
      const { client, identity, id } = producer
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'PRODUCER_FENCED')
      const late = await client.produceAnyhow(topic, 0, producer.batch(['b']), id)
      expectError(late.errorCode, 'INVALID_PRODUCER_EPOCH')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
      await client.initialise(id)
    })
  })

  describe('EndTxn, within an epoch', { concurrency: true }, () => {
    for (const outcome of [true, false])
      test(`of ${outcome ? 'a commit' : 'an abort'}, repeated, it says the same`, async () => {
        const [producer, topic] = [await start(), await topicOf()]
        const { client, identity, id } = producer
        await producer.send(topic, 'a')
        await producer.end(outcome)
        expectError((await client.endAnyhow(id, identity, outcome)).errorCode, 'NONE')
        expectError((await client.endAnyhow(id, identity, !outcome)).errorCode, 'INVALID_TXN_STATE')
      })

    test('that is late ends the next transaction: nothing but a new epoch keeps it off', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      await producer.end(true)
      await producer.send(topic, 'b')
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'NONE')
      await client.settled(topic)
      assert.deepEqual(await client.read(topic, 'committed'), ['a', 'b'])
      const next = await client.initialise(id, identity)
      await client.produce(topic, 0, batchOf(['c'], { by: next, transactional: true }), id)
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'PRODUCER_FENCED')
      await client.end(id, next, false)
    })

    test('with nothing in the transaction', async () => {
      const { client, identity, id } = await start()
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'INVALID_TXN_STATE')
      expectError((await client.endAnyhow(id, identity, false)).errorCode, 'INVALID_TXN_STATE')
    })
  })

  describe('InitProducerId, between epochs', { concurrency: true }, () => {
    test('after a lost answer of EndTxn it begins a new epoch, and says the same when repeated', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      await producer.end(true)
      const next = { ...identity, producerEpoch: identity.producerEpoch + 1 }
      assert.deepEqual(await client.initialise(id, identity), next)
      assert.deepEqual(await client.initialise(id, identity), next)
      assert.deepEqual(await client.read(topic, 'committed'), ['a'])
    })

    test('with the identity of an open transaction it aborts that under a new epoch, and its producer is fenced, itself included', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      expectError((await client.tryInitialise(id, identity)).errorCode, 'CONCURRENT_TRANSACTIONS')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
      await client.settled(topic)
      assert.deepEqual(await client.read(topic, 'committed'), [])
      // The marker has told the partition: what is late is refused by the log itself, whoever adds or verifies.
      const asked = { topics: [{ name: topic, partitionIndexes: [0] }] }
      const { topics } = await client.ask('DescribeProducers', asked, await client.leader(topic))
      assert.equal(topics[0]?.partitions[0]?.activeProducers[0]?.producerEpoch, identity.producerEpoch + 1)
      expectError((await client.produceAnyhow(topic, 0, producer.batch(['late']), id)).errorCode, 'INVALID_PRODUCER_EPOCH')
      assert.deepEqual((await client.addPartitions(id, identity, [topic])).map(errorName), ['PRODUCER_FENCED'])
      const next = await client.initialise(id)
      assert.deepEqual(next, { ...identity, producerEpoch: identity.producerEpoch + 2 })
    })

    test('with an old epoch it is refused, but aborts the open transaction of the present one, and fences that too', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await client.initialise(id)
      const present = await client.initialise(id)
      await client.produce(topic, 0, batchOf(['a'], { by: present, transactional: true }), id)
      expectError((await client.tryInitialise(id, identity)).errorCode, 'CONCURRENT_TRANSACTIONS')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
      await client.settled(topic)
      expectError((await client.endAnyhow(id, present, true)).errorCode, 'PRODUCER_FENCED')
      expectError((await client.initialiseAnyhow(id, present)).errorCode, 'PRODUCER_FENCED')
    })

    test('without a name, asked once: the producer is fenced at once', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      expectError((await client.tryInitialise(id)).errorCode, 'CONCURRENT_TRANSACTIONS')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
    })
  })
}
