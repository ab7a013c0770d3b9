import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import {
  deleteRecordsBefore,
  ensureInternalTopics,
  type TopicSpec,
  topicConfigs,
} from '../../../service/kafka/internal-topics.ts'
import { listOffsets, partitionKey } from '../../../service/kafka/offsets.ts'
import { Bed, batch, eventually } from './bed.ts'

describe('internal topics', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())
  const ensure = (...specs: TopicSpec[]) => ensureInternalTopics(bed.cluster, specs)

  test('are created once, and found in order', async () => {
    const changelog: TopicSpec = {
      name: `${bed.id}-sum-changelog`,
      partitions: 3,
      configs: { 'max.message.bytes': '2000000' },
      kind: 'changelog',
    }
    const repartition: TopicSpec = { name: `${bed.id}-by-key-repartition`, partitions: 2, configs: {}, kind: 'repartition' }
    await ensure(changelog, repartition)
    const created = bed.wire.count('CreateTopics')
    await ensure(changelog, repartition)
    assert.equal(bed.wire.count('CreateTopics'), created)
    const found = await bed.cluster.topics([changelog.name, repartition.name, `${bed.id}-missing`])
    assert.equal(found.size, 2)
    assert.equal(found.get(changelog.name)?.partitions.length, 3)
    const configs = await topicConfigs(bed.cluster, [changelog.name, repartition.name])
    assert.equal(configs.get(changelog.name)?.messageBytesMax, 2_000_000)
    assert.equal(configs.get(repartition.name)?.messageBytesMax, 1_048_588)
  })

  test('with defects are refused, all at once, before anything is created', async () => {
    const [compacted, dirty, missing] = [`${bed.id}-x`, `${bed.id}-y`, `${bed.id}-z`]
    await ensure(
      { name: compacted, partitions: 2, configs: {}, kind: 'changelog' },
      {
        name: dirty,
        partitions: 1,
        configs: { 'unclean.leader.election.enable': 'true', 'retention.ms': '1000' },
        kind: 'repartition',
      },
    )
    const defects = await ensure(
      { name: compacted, partitions: 3, configs: {}, kind: 'repartition' },
      { name: dirty, partitions: 1, configs: {}, kind: 'repartition' },
      { name: missing, partitions: 1, configs: {}, kind: 'changelog' },
    ).then(
      () => [],
      (error: unknown) => (error instanceof ConfigurationError ? error.defects : []),
    )
    assert.match(defects.find((defect) => defect.includes('partitions')) ?? '', /x has 2 partitions, the topology needs 3/)
    assert.match(
      defects.find((defect) => defect.includes('cleanup.policy')) ?? '',
      /x has cleanup.policy=compact, caudal needs cleanup.policy=delete/,
    )
    assert.match(defects.find((defect) => defect.includes('unclean')) ?? '', /y has unclean.leader.election.enable=true/)
    assert.match(
      defects.find((defect) => defect.includes(`${dirty} has retention.ms`)) ?? '',
      /retention.ms=1000, caudal needs retention.ms=-1/,
    )
    assert.equal((await bed.cluster.topics([missing])).size, 0)
  })

  for (const kind of ['changelog', 'repartition'] as const) {
    test(`P11: a ${kind} that could lose its end to an unclean election is refused`, async () => {
      const name = `${bed.id}-unclean-${kind}`
      await ensure({ name, partitions: 1, configs: { 'unclean.leader.election.enable': 'true' }, kind })
      await assert.rejects(ensure({ name, partitions: 1, configs: {}, kind }), /unclean.leader.election.enable=true/)
    })
  }

  test('P11: are purged up to an offset, and no further', async () => {
    const topic = await bed.topic('purged')
    const producer = bed.producer()
    await producer.initialise()
    await producer.produce([batch(topic, 0, ['a', 'b', 'c'])])
    await producer.abort()
    const left = await deleteRecordsBefore(bed.cluster, [{ topic, partition: 0, offset: 2 }])
    assert.equal(left.get(partitionKey(topic, 0)), 2)
    const ends = await listOffsets(bed.cluster, [{ topic, partition: 0 }], 'earliest', 'read_uncommitted')
    assert.equal(ends.get(partitionKey(topic, 0))?.offset, 2)
  })
})

describe('Cluster', () => {
  test('asks for leaders once for all who wait, and again when told that they are wrong', async () => {
    const bed = new Bed()
    await bed.cluster.connect()
    const topic = await bed.topic('leaders', 2)
    bed.cluster.invalidate()
    const before = bed.wire.count('Metadata')
    const [one, two] = await Promise.all([bed.cluster.leader(topic, 0), bed.cluster.leader(topic, 1)])
    assert.equal(one.node, two.node)
    assert.equal(bed.wire.count('Metadata'), before + 1)
    await bed.cluster.leader(topic, 0)
    assert.equal(bed.wire.count('Metadata'), before + 1)
    await assert.rejects(bed.cluster.leader(topic, 7), /UNKNOWN_TOPIC_OR_PARTITION/)
    assert.deepEqual(await bed.cluster.brokers(), [one.node])
    await bed.close()
  })

  test('does not take back a leader for one of an older epoch', async () => {
    const bed = new Bed()
    const answer = (leaderId: number, leaderEpoch: number) => ({
      answer: {
        brokers: [],
        topics: [
          {
            errorCode: 0,
            name: 't',
            topicId: 'id',
            partitions: [{ errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch, replicaNodes: [1, 2] }],
          },
        ],
      },
    })
    bed.wire.fault = () => answer(2, 5)
    assert.deepEqual(await bed.cluster.leader('t', 0), { node: 2, epoch: 5 })
    bed.cluster.invalidate('t')
    bed.wire.fault = () => answer(1, 4)
    assert.deepEqual(await bed.cluster.leader('t', 0), { node: 2, epoch: 5 })
    await bed.close()
  })

  test('remembers coordinators until told otherwise', async () => {
    const bed = new Bed()
    await bed.cluster.connect()
    await eventually('a coordinator is there', () =>
      bed.cluster.coordinator('group', bed.id).then(
        () => true,
        () => false,
      ),
    )
    const before = bed.wire.count('FindCoordinator')
    await bed.cluster.coordinator('group', bed.id)
    assert.equal(bed.wire.count('FindCoordinator'), before)
    bed.cluster.invalidateCoordinator('group', bed.id)
    await bed.cluster.coordinator('group', bed.id)
    assert.equal(bed.wire.count('FindCoordinator'), before + 1)
    await bed.close()
  })
})
