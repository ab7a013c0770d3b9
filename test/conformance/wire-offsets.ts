/** Committed offsets, as the Wire port shows them: who may commit, and when a transactional commit holds (KIP-447). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorName } from '../../service/kafka/wire/error-codes.ts'
import {
  batchOf,
  expectError,
  eventually,
  firstError,
  fresh,
  type KafkaUnderTest,
  type MemberIdentity,
  WireClient,
} from './wire-client.ts'
import { aloneIn, TestMember } from './wire-groups.ts'

export function offsetTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())
  const start = async () => {
    const client = await connect()
    const [topic, groupId, transactionalId] = [await client.createTopic(), fresh('group'), fresh('transactional')]
    const by = await client.initialise(transactionalId)
    return { client, topic, groupId, transactionalId, by }
  }
  const commit = async (
    client: WireClient,
    groupId: string,
    topic: string,
    offset: number,
    member?: MemberIdentity,
    metadata = '',
  ) =>
    firstError(
      await client.askGroup(groupId, 'OffsetCommit', {
        groupId,
        generationIdOrMemberEpoch: member?.generationId ?? -1,
        memberId: member?.memberId ?? '',
        groupInstanceId: member?.groupInstanceId ?? null,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: metadata }] }],
      }),
    )

  describe('offsets in transactions', { concurrency: true }, () => {
    test('hold after the commit, and are unstable before', async () => {
      const { client, topic, groupId, ...rest } = await start()
      expectError(await commit(client, groupId, topic, 3), 'NONE')
      expectError(await client.commitInTransaction({ ...rest, groupId, topic, offset: 7, metadata: 'note' }), 'NONE')
      assert.equal(await client.committedOffset(groupId, topic), 'unstable')
      assert.equal(await client.committedOffset(groupId, topic, false), 3)
      await client.end(rest.transactionalId, rest.by, true)
      assert.equal(await client.stableOffset(groupId, topic), 7)
      const answer = await client.askGroup(groupId, 'OffsetFetch', { groupId, topics: null, requireStable: true })
      assert.deepEqual(answer.topics[0]?.partitions[0], {
        partitionIndex: 0,
        committedOffset: 7,
        committedLeaderEpoch: -1,
        metadata: 'note',
        errorCode: 0,
      })
    })

    test('are forgotten by an abort', async () => {
      const { client, topic, groupId, ...rest } = await start()
      expectError(await client.commitInTransaction({ ...rest, groupId, topic, offset: 7 }), 'NONE')
      await client.end(rest.transactionalId, rest.by, false)
      assert.equal(await client.stableOffset(groupId, topic), -1)
    })

    test('go with the records of the same transaction', async () => {
      const { client, topic, groupId, transactionalId, by } = await start()
      await client.produce(topic, 0, batchOf(['a'], { by, transactional: true }), transactionalId)
      expectError(await client.commitInTransaction({ transactionalId, by, groupId, topic, offset: 1 }), 'NONE')
      const next = await client.end(transactionalId, by, true)
      assert.equal(await client.stableOffset(groupId, topic), 1)
      expectError(await client.commitInTransaction({ transactionalId, by: next, groupId, topic, offset: 2 }), 'NONE')
      await client.end(transactionalId, next, true)
      assert.equal(await client.stableOffset(groupId, topic), 2)
    })

    test('a producer that was fenced commits nothing', async () => {
      const { client, topic, groupId, transactionalId, by } = await start()
      await client.initialise(transactionalId)
      const code = await client.commitInTransaction({ transactionalId, by, groupId, topic, offset: 1 })
      expectError(code, 'INVALID_PRODUCER_EPOCH')
      const other = { ...by, producerId: by.producerId + 999_999 }
      expectError(
        await client.commitInTransaction({ transactionalId, by: other, groupId, topic, offset: 1 }),
        'INVALID_PRODUCER_ID_MAPPING',
      )
      assert.equal(await client.committedOffset(groupId, topic), -1)
    })

    test('an open one is found by the partition of the offsets topic, and an initialisation frees it', async () => {
      const { client, topic, groupId, transactionalId, by } = await start()
      expectError(await client.commitInTransaction({ transactionalId, by, groupId, topic, offset: 1 }), 'NONE')
      const { topics } = await client.ask('Metadata', { topics: [{ name: '__consumer_offsets' }], allowAutoTopicCreation: false })
      const partitionIndexes = topics[0]?.partitions.map(({ partitionIndex }) => partitionIndex) ?? []
      const open = []
      for (const partition of partitionIndexes) {
        const node = await client.leader('__consumer_offsets', partition)
        const asked = [{ name: '__consumer_offsets', partitionIndexes: [partition] }]
        const answer = await client.ask('DescribeProducers', { topics: asked }, node)
        open.push(...(answer.topics[0]?.partitions[0]?.activeProducers ?? []))
      }
      assert.ok((open.find(({ producerId }) => producerId === by.producerId)?.currentTxnStartOffset ?? -1) >= 0)
      await client.initialise(transactionalId)
      assert.equal(await client.stableOffset(groupId, topic), -1)
    })

    test('metadata may have 4 096 characters', async () => {
      const { client, topic, groupId, ...rest } = await start()
      const fits = { ...rest, groupId, topic, offset: 1, metadata: 'x'.repeat(4_096) }
      expectError(await client.commitInTransaction(fits), 'NONE')
      expectError(await client.commitInTransaction({ ...fits, metadata: 'x'.repeat(4_097) }), 'OFFSET_METADATA_TOO_LARGE')
      await client.end(rest.transactionalId, rest.by, false)
    })

    test('a topic that does not exist', async () => {
      const { client, groupId, ...rest } = await start()
      expectError(
        await client.commitInTransaction({ ...rest, groupId, topic: fresh('missing'), offset: 1 }),
        'UNKNOWN_TOPIC_OR_PARTITION',
      )
    })
  })

  describe('who may commit in a transaction', { concurrency: true }, () => {
    const stage = async (instanceId: string | null = null) => {
      const started = await start()
      const member = await aloneIn(started.client, started.groupId, { instanceId })
      const attempt = (identity?: MemberIdentity) =>
        started.client.commitInTransaction({ ...started, offset: 5, ...(identity ? { member: identity } : {}) })
      return { ...started, member, attempt }
    }

    test('a member in its generation', async () => {
      const { attempt, member } = await stage()
      expectError(await attempt(member.identity), 'NONE')
    })

    test('not in an older or a later generation, nor a stranger', async () => {
      const { attempt, member, client, transactionalId, by } = await stage()
      const { identity } = member
      expectError(await attempt({ ...identity, generationId: identity.generationId - 1 }), 'ILLEGAL_GENERATION')
      expectError(await attempt({ ...identity, generationId: identity.generationId + 1 }), 'ILLEGAL_GENERATION')
      expectError(await attempt({ ...identity, memberId: 'somebody' }), 'UNKNOWN_MEMBER_ID')
      expectError(await attempt({ ...identity, groupInstanceId: 'somebody' }), 'UNKNOWN_MEMBER_ID')
      expectError(await attempt({ ...identity, generationId: -1 }), 'ILLEGAL_GENERATION')
      // The producer is none the worse for it.
      await client.end(transactionalId, by, false)
    })

    test('not one that left', async () => {
      const { attempt, member } = await stage()
      await member.leave()
      expectError(await attempt(member.identity), 'UNKNOWN_MEMBER_ID')
    })

    test('not the former self of a static member', async () => {
      const { attempt, member, client } = await stage('static')
      const restarted = new TestMember(client, member.groupId, { instanceId: 'static' })
      await restarted.join()
      expectError(await attempt(member.identity), 'FENCED_INSTANCE_ID')
      expectError(await attempt(restarted.identity), 'NONE')
    })

    test('nobody at all, although the group has members: the broker takes it', async () => {
      const { attempt, client, groupId, topic, transactionalId, by } = await stage()
      expectError(await attempt(), 'NONE')
      await client.end(transactionalId, by, true)
      assert.equal(await client.stableOffset(groupId, topic), 5)
    })

    test('a member of the last generation while the group rebalances, and in the new one before SyncGroup', async () => {
      const { attempt, member, groupId, client } = await stage()
      const second = new TestMember(await connect(), groupId)
      const joining = second.join()
      await eventually('a rebalance', async () => ((await member.heartbeat()) === 27 ? true : undefined))
      expectError(await attempt(member.identity), 'NONE')
      const before = member.identity
      await Promise.all([joining, member.join()])
      expectError(await attempt(before), 'ILLEGAL_GENERATION')
      expectError(await attempt(member.identity), 'NONE')
      expectError(await commit(client, groupId, await client.createTopic(), 1, member.identity), 'REBALANCE_IN_PROGRESS')
    })

    test('a generation of a group that does not exist', async () => {
      const { client, topic, groupId, ...rest } = await start()
      const member = { generationId: 3, memberId: 'somebody' }
      const code = await client.commitInTransaction({ ...rest, groupId, topic, offset: 1, member })
      // Kafka 3.7 says the second.
      assert.ok(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'].includes(errorName(code)), errorName(code))
    })
  })

  describe('plain commits of offsets', { concurrency: true }, () => {
    test('of a member, of a former one, of nobody', async () => {
      const { client, topic, groupId } = await start()
      expectError(await commit(client, groupId, topic, 1), 'NONE')
      const member = await aloneIn(client, groupId)
      const { identity } = member
      expectError(await commit(client, groupId, topic, 2, identity, 'note'), 'NONE')
      expectError(
        await commit(client, groupId, topic, 3, { ...identity, generationId: identity.generationId - 1 }),
        'ILLEGAL_GENERATION',
      )
      expectError(await commit(client, groupId, topic, 3, { ...identity, memberId: 'somebody' }), 'UNKNOWN_MEMBER_ID')
      expectError(await commit(client, groupId, topic, 3), 'UNKNOWN_MEMBER_ID')
      assert.equal(await client.committedOffset(groupId, topic), 2)
      await member.leave()
      expectError(await commit(client, groupId, topic, 4), 'NONE')
      assert.equal(await client.committedOffset(groupId, topic), 4)
    })

    test('of the two kinds, the later one holds', async () => {
      const { client, topic, groupId, ...rest } = await start()
      expectError(await client.commitInTransaction({ ...rest, groupId, topic, offset: 1 }), 'NONE')
      expectError(await commit(client, groupId, topic, 2), 'NONE')
      await client.end(rest.transactionalId, rest.by, true)
      assert.equal(await client.stableOffset(groupId, topic), 2)
    })

    test('a group without offsets, and a topic that does not exist', async () => {
      const { client, topic } = await start()
      assert.equal(await client.committedOffset(fresh('group'), topic), -1)
      expectError(await commit(client, fresh('group'), fresh('missing'), 1), 'UNKNOWN_TOPIC_OR_PARTITION')
    })
  })
}
