/** Transactions of protocol 2 (KIP-890), as the Wire port shows them: every one ends its epoch, and the one before it is known. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batchOf, expectError, type KafkaUnderTest } from './wire-client.ts'
import { producersOf } from './wire-producer.ts'

export function newEpochTests(kafka: () => Promise<KafkaUnderTest>): void {
  const { start, topicOf, timedOut } = producersOf(kafka)

  describe('an epoch for each transaction', { concurrency: true }, () => {
    test('every transaction begins at sequence 0 in the next epoch', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { producerId, producerEpoch } = producer.identity
      await producer.send(topic, 'a')
      await producer.end(true)
      assert.deepEqual(producer.identity, { producerId, producerEpoch: producerEpoch + 1 })
      const wrong = await producer.client.produceAnyhow(topic, 0, producer.batch(['b'], 1), producer.id)
      expectError(wrong.errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      await producer.send(topic, 'b')
      await producer.end(true)
    })

    test('one that takes too long is aborted; its producer may begin another', async () => {
      const { producer, topic } = await timedOut()
      const { client, identity, id } = producer
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'INVALID_TXN_STATE')
      const late = await client.produceAnyhow(topic, 0, producer.batch(['b']), id)
      expectError(late.errorCode, 'INVALID_PRODUCER_EPOCH')
      assert.deepEqual(await client.initialise(id, identity), { ...identity, producerEpoch: identity.producerEpoch + 1 })
    })
  })

  describe('EndTxn, by a new epoch', { concurrency: true }, () => {
    test('repeated after a lost answer it says the same, for as long as nothing else happened', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const before = producer.identity
      await producer.send(topic, 'a')
      await producer.end(true)
      const repeated = await producer.client.endAnyhow(producer.id, before, true)
      expectError(repeated.errorCode, 'NONE')
      assert.equal(repeated.producerEpoch, producer.identity.producerEpoch)
      expectError((await producer.client.endAnyhow(producer.id, before, false)).errorCode, 'INVALID_TXN_STATE')
      await producer.send(topic, 'b')
      expectError((await producer.client.endAnyhow(producer.id, before, true)).errorCode, 'PRODUCER_FENCED')
      await producer.end(true)
    })

    test('of an abort, repeated', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const before = producer.identity
      await producer.send(topic, 'a')
      await producer.end(false)
      assert.equal((await producer.client.endAnyhow(producer.id, before, false)).producerEpoch, producer.identity.producerEpoch)
      expectError((await producer.client.endAnyhow(producer.id, before, true)).errorCode, 'INVALID_TXN_STATE')
    })

    test('with nothing in the transaction: no commit, but an abort', async () => {
      const producer = await start()
      expectError((await producer.client.endAnyhow(producer.id, producer.identity, true)).errorCode, 'INVALID_TXN_STATE')
      const { producerEpoch } = producer.identity
      await producer.end(false)
      assert.equal(producer.identity.producerEpoch, producerEpoch + 1)
      expectError((await producer.client.endAnyhow(producer.id, producer.identity, true)).errorCode, 'INVALID_TXN_STATE')
      await producer.end(false)
      assert.equal(producer.identity.producerEpoch, producerEpoch + 2)
    })
  })

  describe('InitProducerId, from one epoch to the next', { concurrency: true }, () => {
    test('recovers a producer that missed the answer of EndTxn', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const before = producer.identity
      await producer.send(topic, 'a')
      await producer.end(true)
      assert.deepEqual(await producer.client.initialise(producer.id, before), producer.identity)
      await producer.send(topic, 'b')
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['a', 'b'])
    })

    test('with the identity of an open transaction it aborts that and begins a new epoch', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      expectError((await client.tryInitialise(id, identity)).errorCode, 'CONCURRENT_TRANSACTIONS')
      const next = await client.initialise(id, identity)
      assert.deepEqual(next, { ...identity, producerEpoch: identity.producerEpoch + 1 })
      await client.settled(topic)
      assert.deepEqual(await client.read(topic, 'committed'), [])
    })

    test('with an old epoch of the same producer it is refused, but aborts the open transaction all the same', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await client.initialise(id)
      const present = await client.initialise(id)
      await client.produce(topic, 0, batchOf(['a'], { by: present, transactional: true }), id)
      expectError((await client.tryInitialise(id, identity)).errorCode, 'CONCURRENT_TRANSACTIONS')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
      await client.settled(topic)
      expectError((await client.endAnyhow(id, present, true)).errorCode, 'INVALID_TXN_STATE')
      assert.deepEqual(await client.initialise(id, present), { ...present, producerEpoch: present.producerEpoch + 1 })
    })

    test('without a name, asked once: the transaction is aborted, but its producer may go on until the second time', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      expectError((await client.tryInitialise(id)).errorCode, 'CONCURRENT_TRANSACTIONS')
      const next = { ...identity, producerEpoch: identity.producerEpoch + 1 }
      assert.deepEqual(await client.initialise(id, identity), next)
      await client.initialise(id)
      expectError((await client.initialiseAnyhow(id, next)).errorCode, 'PRODUCER_FENCED')
    })

    test('with the identity of a producer whose transaction was aborted first it goes on', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      const aborted = await client.end(id, identity, false)
      assert.deepEqual(await client.initialise(id, identity), aborted)
    })
  })
}
