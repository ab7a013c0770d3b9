/** Transactions of protocol v2 (KIP-890), as the Wire port shows them: isolation, epochs, fencing, recovery. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batchOf, expectError, eventually, fresh, type Identity, type KafkaUnderTest, WireClient } from './wire-client.ts'

/** A transactional producer that is as plain as can be: it knows its identity and the next sequence of its only partition. */
class Producer {
  readonly client: WireClient
  readonly id: string
  identity: Identity
  #sequence = 0

  constructor(client: WireClient, id: string, identity: Identity) {
    this.client = client
    this.id = id
    this.identity = identity
  }

  batch(values: readonly string[], sequence = this.#sequence): Buffer {
    return batchOf(values, { by: this.identity, sequence, transactional: true })
  }

  async send(topic: string, ...values: string[]): Promise<number> {
    const offset = await this.client.produce(topic, 0, this.batch(values), this.id)
    this.#sequence += values.length
    return offset
  }

  async end(committed: boolean): Promise<void> {
    this.identity = await this.client.end(this.id, this.identity, committed)
    this.#sequence = 0
  }
}

export function transactionTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())
  const start = async (timeoutMs?: number) => {
    const client = await connect()
    const id = fresh('transactional')
    return new Producer(client, id, await client.initialise(id, undefined, timeoutMs))
  }
  const topicOf = async () => (await connect()).createTopic()

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

    test('one that takes too long is aborted; its producer may begin another', async () => {
      const [producer, topic] = [await start(1_000), await topicOf()]
      const { client, identity, id } = producer
      await producer.send(topic, 'a')
      // A broker looks for such transactions every ten seconds.
      await eventually('aborted', async () => ((await client.offsetAt(topic, -1, 'committed')) > 0 ? true : undefined), 20_000)
      assert.deepEqual(await client.read(topic, 'committed'), [])
      expectError((await client.endAnyhow(id, identity, true)).errorCode, 'INVALID_TXN_STATE')
      const late = await client.produceAnyhow(topic, 0, producer.batch(['b']), id)
      expectError(late.errorCode, 'INVALID_PRODUCER_EPOCH')
      assert.deepEqual(await client.initialise(id, identity), { ...identity, producerEpoch: identity.producerEpoch + 1 })
    })
  })
}
