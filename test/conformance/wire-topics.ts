/** Topics, settings and nodes, as the Wire port shows them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lackOf } from '../../service/kafka/wire/api-versions.ts'
import { expectError, eventually, fresh, type KafkaUnderTest, WireClient } from './wire-client.ts'

const creatable = (name: string, numPartitions = 1, configs: readonly { name: string; value: string }[] = []) => ({
  name,
  numPartitions,
  replicationFactor: -1,
  assignments: [],
  configs,
})

export function topicTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())

  describe('topics and nodes', { concurrency: true }, () => {
    test('ApiVersions shows a broker that knows all that caudal asks of one', async () => {
      const client = await connect()
      const answer = await client.ask('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
      assert.deepEqual(lackOf(Object.fromEntries(answer.apiKeys.map((known) => [known.apiKey, known]))), [])
    })

    test('Metadata and DescribeCluster name the same nodes', async () => {
      const client = await connect()
      const { brokers } = await client.ask('Metadata', { topics: [], allowAutoTopicCreation: false })
      const cluster = await client.ask('DescribeCluster', {})
      assert.deepEqual(new Set(brokers.map(({ nodeId }) => nodeId)), new Set(cluster.brokers.map(({ brokerId }) => brokerId)))
    })

    test('a topic that does not exist is named as such', async () => {
      const client = await connect()
      const name = fresh('missing')
      const { topics } = await client.ask('Metadata', { topics: [{ name }], allowAutoTopicCreation: false })
      assert.equal(topics[0]?.name, name)
      expectError(topics[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
    })

    test('a topic is made once, with an id and its settings', async () => {
      const client = await connect()
      const name = fresh('topic')
      const topic = creatable(name, 3, [{ name: 'cleanup.policy', value: 'compact' }])
      const first = (await client.ask('CreateTopics', { topics: [topic] })).topics[0]
      expectError(first?.errorCode, 'NONE')
      assert.equal(first?.numPartitions, 3)
      assert.match(first?.topicId ?? '', /^[0-9a-f]{32}$/)
      const again = await eventually('the topic is known', async () => {
        const { topics } = await client.ask('CreateTopics', { topics: [topic] })
        return topics[0]
      })
      expectError(again.errorCode, 'TOPIC_ALREADY_EXISTS')
      await client.leader(name, 2)
      const { topics } = await client.ask('Metadata', { topics: [{ name }], allowAutoTopicCreation: false })
      assert.equal(topics[0]?.topicId, first?.topicId)
      assert.equal(topics[0]?.partitions.length, 3)
    })

    test('what CreateTopics refuses', async () => {
      const client = await connect()
      const refusal = async (topic: ReturnType<typeof creatable>) =>
        (await client.ask('CreateTopics', { topics: [topic] })).topics[0]?.errorCode
      expectError(await refusal(creatable('with spaces')), 'INVALID_TOPIC_EXCEPTION')
      expectError(await refusal(creatable(fresh('none'), 0)), 'INVALID_PARTITIONS')
      expectError(await refusal({ ...creatable(fresh('replicas')), replicationFactor: 99 }), 'INVALID_REPLICATION_FACTOR')
      expectError(await refusal(creatable(fresh('config'), 1, [{ name: 'no.such.thing', value: '1' }])), 'INVALID_CONFIG')
    })

    test('validateOnly makes nothing', async () => {
      const client = await connect()
      const name = fresh('topic')
      const { topics } = await client.ask('CreateTopics', { topics: [creatable(name)], validateOnly: true })
      expectError(topics[0]?.errorCode, 'NONE')
      const metadata = await client.ask('Metadata', { topics: [{ name }], allowAutoTopicCreation: false })
      expectError(metadata.topics[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
    })

    test('settings are described and changed', async () => {
      const client = await connect()
      const name = await client.createTopic(1, { 'max.message.bytes': '2000' })
      const valueOf = async (config: string) => {
        const resource = { resourceType: 2, resourceName: name, configurationKeys: [config] }
        const { results } = await client.ask('DescribeConfigs', { resources: [resource] })
        return results[0]?.configs.find((found) => found.name === config)
      }
      assert.equal((await valueOf('max.message.bytes'))?.value, '2000')
      assert.equal((await valueOf('cleanup.policy'))?.value, 'delete')
      const change = { name: 'max.message.bytes', configOperation: 0, value: '3000' }
      const altered = await client.ask('IncrementalAlterConfigs', {
        resources: [{ resourceType: 2, resourceName: name, configs: [change] }],
        validateOnly: false,
      })
      expectError(altered.responses[0]?.errorCode, 'NONE')
      await eventually('the setting has changed', async () =>
        (await valueOf('max.message.bytes'))?.value === '3000' ? true : undefined,
      )
    })

    test('settings of a topic that does not exist', async () => {
      const client = await connect()
      const resource = { resourceType: 2, resourceName: fresh('missing'), configurationKeys: null }
      const { results } = await client.ask('DescribeConfigs', { resources: [resource] })
      expectError(results[0]?.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION')
    })

    test('a topic that was deleted and made again has another id', async () => {
      const client = await connect()
      const name = await client.createTopic()
      const idOf = async () => {
        const { topics } = await client.ask('Metadata', { topics: [{ name }], allowAutoTopicCreation: false })
        return topics[0]?.errorCode === 0 ? topics[0].topicId : undefined
      }
      const first = await idOf()
      const { responses } = await client.ask('DeleteTopics', { topics: [{ name }], timeoutMs: 5_000 })
      expectError(responses[0]?.errorCode, 'NONE')
      await eventually('the topic is gone', async () => ((await idOf()) === undefined ? true : undefined))
      await client.ask('CreateTopics', { topics: [creatable(name)] })
      assert.notEqual(await eventually('the topic is back', idOf), first)
    })
  })
}

/** What only a cluster of several nodes can show. */
export function routingTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())

  describe('several nodes', { concurrency: true }, () => {
    test('a node that does not lead a partition or a key says so', async () => {
      const client = await connect()
      const { brokers } = await client.ask('Metadata', { topics: [], allowAutoTopicCreation: false })
      const topic = await client.createTopic()
      const other = async (node: number) => brokers.find(({ nodeId }) => nodeId !== node)?.nodeId
      const notLeader = await other(await client.leader(topic))
      const listed = await client.ask(
        'ListOffsets',
        { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
        notLeader,
      )
      expectError(listed.topics[0]?.partitions[0]?.errorCode, 'NOT_LEADER_OR_FOLLOWER')
      const group = fresh('group')
      const notCoordinator = (await other(await client.coordinator('group', group))) ?? -1
      const beat = await client.ask('Heartbeat', { groupId: group, generationId: 1, memberId: 'm' }, notCoordinator)
      expectError(beat.errorCode, 'NOT_COORDINATOR')
      const id = fresh('transactional')
      const notTransactions = (await other(await client.coordinator('transaction', id))) ?? -1
      const initialised = await client.ask(
        'InitProducerId',
        { transactionalId: id, transactionTimeoutMs: 1_000 },
        notTransactions,
      )
      expectError(initialised.errorCode, 'NOT_COORDINATOR')
    })
  })
}
