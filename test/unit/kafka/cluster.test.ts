/** The cluster's metadata: what becomes of a topic that may not be seen, or has no leader. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { ConfigurationError, FatalError, KafkaError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { ManualClock } from '../../../service/memory/manual-clock.ts'
import { MemoryKafka } from '../../../service/memory/memory-kafka.ts'
import { type AnswerOf, apiKey } from '../../../service/kafka/wire/messages.ts'
import { bootstrapNode } from '../../../service/kafka/wire/wire.ts'
import { Bed, FaultWire } from './bed.ts'

describe('the metadata of topics', () => {
  const bed = new Bed()
  after(() => bed.close())

  const answering = (name: string, code: number) => {
    const topics = [{ errorCode: code, name, topicId: '0'.repeat(32), isInternal: false, partitions: [] }]
    bed.wire.fault = ({ api }) => (api === 'Metadata' ? { answer: { topics, brokers: [], controllerId: -1 } } : 'pass')
  }

  it('ends with a sentence where the topic may not be seen: asking again would not help', async () => {
    answering('secret', errorCode.TOPIC_AUTHORIZATION_FAILED)
    await assert.rejects(bed.cluster.topics(['secret']), (error) => {
      assert.ok(error instanceof FatalError)
      assert.match(error.message, /Metadata topic secret: TOPIC_AUTHORIZATION_FAILED; give this user the rights/)
      return true
    })
  })

  it('leaves it to the caller to ask again where the broker has trouble of its own', async () => {
    answering('orders', errorCode.UNKNOWN_SERVER_ERROR)
    await assert.rejects(bed.cluster.topics(['orders']), (error) => error instanceof KafkaError)
  })

  it('looks once in a while whether another leader was elected, and goes by what it knew where nobody answers', async () => {
    const clock = new ManualClock(0)
    const kafka = new MemoryKafka({ clock })
    const wire = new FaultWire(kafka.wire())
    const cluster = new Cluster(wire, clock)
    for (const topic of ['a', 'b']) {
      kafka.createTopic(topic)
      await cluster.leader(topic, 0)
      kafka.moveLeader(topic, 0, 1)
    }
    const epochs = async () => [(await cluster.leader('a', 0)).epoch, (await cluster.leader('b', 0)).epoch]
    assert.deepEqual(await epochs(), [0, 0])
    clock.advanceMonotonic(400_000)
    wire.fault = () => 'lose-request'
    assert.deepEqual(await epochs(), [0, 0])
    clock.advanceMonotonic(400_000)
    wire.fault = () => 'pass'
    const before = wire.count('Metadata')
    assert.deepEqual(await epochs(), [1, 1])
    assert.equal(wire.count('Metadata'), before + 1)
    kafka.close()
  })

  it('takes a topic that is not there for absent', async () => {
    answering('nowhere', errorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal((await bed.cluster.topics(['nowhere'])).size, 0)
  })
})

describe('what a cluster can do', () => {
  /** What the in-memory Kafka says of itself, with a change. */
  const saying = async (change: (answer: AnswerOf<'ApiVersions'>) => Partial<AnswerOf<'ApiVersions'>>) => {
    const bed = new Bed()
    const real = await bed
      .client()
      .request(bootstrapNode, 'any', 'ApiVersions', { clientSoftwareName: '', clientSoftwareVersion: '' })
    bed.wire.fault = () => ({ answer: { ...real, ...change(real) } })
    return bed
  }

  it('transactions are of protocol 2 where the whole cluster has agreed on it, and of 1 everywhere else', async () => {
    const feature = (level: number) => [{ name: 'transaction.version', maxVersionLevel: level, minVersionLevel: level }]
    for (const [finalizedFeatures, expected] of [
      [[], 1],
      [feature(0), 1],
      [feature(1), 1],
      [feature(2), 2],
      [feature(3), 2],
    ] as const) {
      const bed = await saying(() => ({ finalizedFeatures }))
      assert.equal(await bed.cluster.transactionProtocol(), expected)
      assert.equal(await bed.cluster.transactionProtocol(), expected)
      assert.equal(bed.wire.count('ApiVersions'), 1, 'asked once')
      await bed.close()
    }
  })

  it('refuses a broker that is too old, with what it lacks', async () => {
    const bed = await saying(({ apiKeys }) => ({
      apiKeys: apiKeys.map((known) => (known.apiKey === apiKey.Produce ? { ...known, maxVersion: 9 } : known)),
    }))
    await assert.rejects(
      bed.cluster.connect(),
      (error) =>
        error instanceof ConfigurationError && /needs Kafka 3\.7 or newer, .* Produce in any of the versions/.test(error.message),
    )
    await bed.close()
  })
})
