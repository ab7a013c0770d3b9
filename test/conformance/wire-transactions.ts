/** Transactions of either protocol, as the Wire port shows them: isolation, epochs, fencing, recovery. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batchOf, expectError, eventually, fresh, type Identity, type KafkaUnderTest, WireClient } from './wire-client.ts'
import { producersOf } from './wire-producer.ts'

export function transactionTests(kafka: () => Promise<KafkaUnderTest>): void {
  const { connect, start, topicOf } = producersOf(kafka)

  describe('what readers see of transactions', { concurrency: true }, () => {
    test('nothing before the end, everything after a commit', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      await producer.send(topic, 'a', 'b')
      await producer.send(topic, 'c')
      assert.equal(await producer.client.offsetAt(topic, -1, 'committed'), 0)
      assert.equal((await producer.client.fetch(topic, 0, { isolation: 'committed' })).records?.length ?? 0, 0)
      assert.deepEqual(await producer.client.read(topic, 'uncommitted'), ['a', 'b', 'c'])
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['a', 'b', 'c'])
      // The marker has an offset of its own.
      assert.equal(await producer.client.offsetAt(topic, -1, 'committed'), 4)
    })

    test('nothing of an aborted one', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      await producer.send(topic, 'a')
      await producer.end(false)
      await producer.send(topic, 'b')
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['b'])
      assert.deepEqual(await producer.client.read(topic, 'uncommitted'), ['a', 'b'])
    })

    test('an open transaction hides what others commit behind it, and a waiting reader is woken by its end', async () => {
      const [first, second, topic] = [await start(), await start(), await topicOf()]
      await first.send(topic, 'first')
      await second.send(topic, 'second')
      await second.end(true)
      assert.equal(await first.client.offsetAt(topic, -1, 'committed'), 0)
      const waiting = first.client.fetch(topic, 0, { isolation: 'committed', maxWaitMs: 8_000 })
      await new WireClient((await kafka()).wire()).end(first.id, first.identity, true)
      assert.ok(((await waiting).records?.length ?? 0) > 0)
      await second.client.settled(topic)
      assert.deepEqual(await second.client.read(topic, 'committed'), ['first', 'second'])
    })

    test('overlapping aborted transactions, the one that began first being aborted last', async () => {
      const [a, b, c, topic] = [await start(), await start(), await start(), await topicOf()]
      await a.send(topic, 'a1')
      await b.send(topic, 'b1')
      await c.send(topic, 'c1')
      await b.end(false)
      await a.send(topic, 'a2')
      await b.send(topic, 'b2')
      await c.end(true)
      await a.end(false)
      await b.end(true)
      await a.send(topic, 'a3')
      await a.end(true)
      await a.client.settled(topic)
      assert.deepEqual(await a.client.read(topic, 'committed'), ['c1', 'b2', 'a3'])
      assert.deepEqual(await a.client.read(topic, 'committed', 4), ['b2', 'a3'])
    })
  })

  describe('producing in transactions', { concurrency: true }, () => {
    test('a repeated batch is written once, a gap is refused', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const offset = await producer.send(topic, 'a', 'b')
      assert.equal(await producer.client.produce(topic, 0, producer.batch(['a', 'b'], 0), producer.id), offset)
      const gap = await producer.client.produceAnyhow(topic, 0, producer.batch(['d'], 3), producer.id)
      expectError(gap.errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      await producer.end(true)
      await producer.client.settled(topic)
      assert.deepEqual(await producer.client.read(topic, 'committed'), ['a', 'b'])
    })

    test('transactional records need a transactional id, a producer that is known, and its present epoch', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      const attempt = async (by: Identity, transactionalId: string | null) =>
        (await client.produceAnyhow(topic, 0, batchOf(['a'], { by, transactional: true }), transactionalId)).errorCode
      expectError(await attempt(identity, null), 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
      expectError(await attempt(identity, fresh('unknown')), 'INVALID_PRODUCER_ID_MAPPING')
      expectError(await attempt({ ...identity, producerId: identity.producerId + 999_999 }, id), 'INVALID_PRODUCER_ID_MAPPING')
      expectError(await attempt({ ...identity, producerEpoch: identity.producerEpoch + 1 }, id), 'INVALID_PRODUCER_EPOCH')
      assert.equal(await client.offsetAt(topic, -1, 'uncommitted'), 0)
    })

    test('a plain batch of a producer whose transaction is open', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      await producer.send(topic, 'a')
      const plain = await producer.client.tryProduce(topic, 0, batchOf(['b'], { by: producer.identity, sequence: 1 }))
      expectError(plain.errorCode, 'INVALID_TXN_STATE')
      await producer.end(false)
    })
  })

  describe('EndTxn', { concurrency: true }, () => {
    test('of somebody unknown', async () => {
      const producer = await start()
      const { client, identity, id } = producer
      expectError((await client.endAnyhow(fresh('unknown'), identity, true)).errorCode, 'INVALID_PRODUCER_ID_MAPPING')
      const other = { ...identity, producerId: identity.producerId + 999_999 }
      expectError((await client.endAnyhow(id, other, true)).errorCode, 'INVALID_PRODUCER_ID_MAPPING')
      const later = { ...identity, producerEpoch: identity.producerEpoch + 3 }
      expectError((await client.endAnyhow(id, later, true)).errorCode, 'PRODUCER_FENCED')
    })
  })

  describe('InitProducerId', { concurrency: true }, () => {
    test('without a name it begins a new epoch and fences the one before', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      const next = await client.initialise(id)
      assert.deepEqual(next, { ...identity, producerEpoch: identity.producerEpoch + 1 })
      expectError((await client.produceAnyhow(topic, 0, producer.batch(['a']), id)).errorCode, 'INVALID_PRODUCER_EPOCH')
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'PRODUCER_FENCED')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
    })

    test('aborts an open transaction and fences its producer', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      expectError((await client.tryInitialise(id)).errorCode, 'CONCURRENT_TRANSACTIONS')
      const next = await client.initialise(id)
      assert.equal(next.producerId, identity.producerId)
      assert.equal(next.producerEpoch, identity.producerEpoch + 2)
      await client.settled(topic)
      assert.deepEqual(await client.read(topic, 'committed'), [])
      expectError((await client.produceAnyhow(topic, 0, producer.batch(['b']), id)).errorCode, 'INVALID_PRODUCER_EPOCH')
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'PRODUCER_FENCED')
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
    })

    test('with the present identity it begins a new epoch; repeated after a lost answer it says the same', async () => {
      const producer = await start()
      const { client, identity, id } = producer
      const next = await client.initialise(id, identity)
      assert.deepEqual(next, { ...identity, producerEpoch: identity.producerEpoch + 1 })
      assert.deepEqual(await client.initialise(id, identity), next)
      assert.deepEqual(await client.initialise(id, next), { ...next, producerEpoch: next.producerEpoch + 1 })
      expectError((await client.initialiseAnyhow(id, identity)).errorCode, 'PRODUCER_FENCED')
    })

    test('with an identity that a new transactional id has never had', async () => {
      const client = await connect()
      const answer = await client.initialiseAnyhow(fresh('transactional'), { producerId: 987_654_321, producerEpoch: 4 })
      expectError(answer.errorCode, 'NONE')
      assert.equal(answer.producerEpoch, 0)
    })

    test('time-outs and ids that are refused', async () => {
      const client = await connect()
      expectError((await client.initialiseAnyhow(fresh('id'), undefined, 0)).errorCode, 'INVALID_TRANSACTION_TIMEOUT')
      expectError((await client.initialiseAnyhow(fresh('id'), undefined, 2_000_000_000)).errorCode, 'INVALID_TRANSACTION_TIMEOUT')
    })
  })

  describe('transactions seen from outside', { concurrency: true }, () => {
    test('an open one is found by its partition, by its producer and by its id', async () => {
      const [producer, topic] = [await start(), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      await producer.send(topic, 'b')
      const described = await client.ask(
        'DescribeProducers',
        { topics: [{ name: topic, partitionIndexes: [0] }] },
        await client.leader(topic),
      )
      const active = described.topics[0]?.partitions[0]?.activeProducers[0]
      assert.equal(active?.producerId, identity.producerId)
      assert.equal(active?.producerEpoch, identity.producerEpoch)
      assert.equal(active?.currentTxnStartOffset, 0)
      assert.equal(active?.lastSequence, 1)
      const node = await client.coordinator('transaction', id)
      const listed = await client.ask(
        'ListTransactions',
        { stateFilters: ['Ongoing'], producerIdFilters: [identity.producerId] },
        node,
      )
      assert.deepEqual(listed.transactionStates, [
        { transactionalId: id, producerId: identity.producerId, transactionState: 'Ongoing' },
      ])
      const detail = (await client.ask('DescribeTransactions', { transactionalIds: [id] }, node)).transactionStates[0]
      assert.deepEqual(detail?.topics, [{ topic, partitions: [0] }])
      await producer.end(true)
      await eventually('it is complete', async () => {
        const done = await client.ask('ListTransactions', { stateFilters: [], producerIdFilters: [identity.producerId] }, node)
        return done.transactionStates[0]?.transactionState === 'CompleteCommit' ? true : undefined
      })
      const after = await client.ask(
        'DescribeProducers',
        { topics: [{ name: topic, partitionIndexes: [0] }] },
        await client.leader(topic),
      )
      assert.equal(after.topics[0]?.partitions[0]?.activeProducers[0]?.currentTxnStartOffset, -1)
    })

    test('states that do not exist and partitions that do not exist', async () => {
      const client = await connect()
      const listed = await client.ask('ListTransactions', { stateFilters: ['Nonsense'], producerIdFilters: [] })
      assert.deepEqual(listed.unknownStateFilters, ['Nonsense'])
      const described = await client.ask('DescribeProducers', { topics: [{ name: fresh('missing'), partitionIndexes: [0] }] })
      expectError(described.topics[0]?.partitions[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
    })
  })
}
