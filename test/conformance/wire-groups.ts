/** Classic group membership, as the Wire port shows it: dynamic and static members, rebalances, sessions. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import type { AnswerOf } from '../../service/kafka/wire/messages.ts'
import { expectError, eventually, fresh, type KafkaUnderTest, type MemberIdentity, WireClient } from './wire-client.ts'

export interface JoinOptions {
  readonly memberId?: string
  readonly instanceId?: string | null
  readonly metadata?: string
  readonly sessionTimeoutMs?: number
  readonly protocol?: string
}

/** A member that is as plain as can be: it keeps what it was last told. */
export class TestMember {
  readonly client: WireClient
  readonly groupId: string
  readonly options: JoinOptions
  memberId = ''
  generationId = -1
  #joins = 0

  constructor(client: WireClient, groupId: string, options: JoinOptions = {}) {
    this.client = client
    this.groupId = groupId
    this.options = options
  }

  get identity(): MemberIdentity {
    return { memberId: this.memberId, generationId: this.generationId, groupInstanceId: this.options.instanceId ?? null }
  }

  /** JoinGroup on a connection of its own, with whatever member id there is; the answer is not judged. */
  async joinOnce(options: JoinOptions = {}): Promise<AnswerOf<'JoinGroup'>> {
    const { sessionTimeoutMs = 30_000, instanceId = null, metadata = 'm', protocol = 'p' } = { ...this.options, ...options }
    return this.client.askGroup(
      this.groupId,
      'JoinGroup',
      {
        groupId: this.groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs: 10_000,
        memberId: options.memberId ?? this.memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocols: [{ name: protocol, metadata: Buffer.from(metadata) }],
      },
      `join-${this.#joins++}`,
    )
  }

  /** Joins, with the member id that the first attempt gives out if it has to. */
  async join(options: JoinOptions = {}): Promise<AnswerOf<'JoinGroup'>> {
    let answer = await this.joinOnce(options)
    for (let tries = 0; this.#isNew && tries < 3; tries++) {
      expectError(answer.errorCode, 'MEMBER_ID_REQUIRED')
      const { memberId } = answer
      answer = await this.joinOnce({ ...options, memberId })
      if (answer.errorCode !== errorCode.UNKNOWN_MEMBER_ID) break
      // Ids that were given out are forgotten by a coordinator that is loaded again, as on a machine too busy for the broker's heartbeats.
      answer = await this.joinOnce(options)
    }
    expectError(answer.errorCode, 'NONE')
    this.memberId = answer.memberId
    this.generationId = answer.generationId
    return answer
  }

  get #isNew(): boolean {
    return this.memberId === '' && (this.options.instanceId ?? null) === null
  }

  async sync(assignments: Readonly<Record<string, string>> = {}): Promise<AnswerOf<'SyncGroup'>> {
    return this.client.askGroup(
      this.groupId,
      'SyncGroup',
      {
        groupId: this.groupId,
        generationId: this.generationId,
        memberId: this.memberId,
        groupInstanceId: this.options.instanceId ?? null,
        protocolType: 'consumer',
        protocolName: this.options.protocol ?? 'p',
        assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: Buffer.from(text) })),
      },
      'sync',
    )
  }

  async heartbeat(identity: Partial<MemberIdentity> = {}): Promise<number> {
    const answer = await this.client.askGroup(this.groupId, 'Heartbeat', { groupId: this.groupId, ...this.identity, ...identity })
    return answer.errorCode
  }

  async leave(memberId = this.memberId, groupInstanceId: string | null = null): Promise<number | undefined> {
    const members = [{ memberId, groupInstanceId }]
    const answer = await this.client.askGroup(this.groupId, 'LeaveGroup', { groupId: this.groupId, members })
    return answer.errorCode || answer.members[0]?.errorCode
  }
}

/** Joins and syncs as the only member, and so its leader. */
export async function aloneIn(client: WireClient, groupId: string, options: JoinOptions = {}): Promise<TestMember> {
  const member = new TestMember(client, groupId, options)
  const joined = await member.join()
  assert.equal(joined.leader, member.memberId)
  expectError((await member.sync({ [member.memberId]: 'mine' })).errorCode, 'NONE')
  return member
}

export function groupTests(kafka: () => Promise<KafkaUnderTest>): void {
  const connect = async () => new WireClient((await kafka()).wire())
  /** Two members in a stable group: the leader and the other. */
  const pair = async (first: JoinOptions = {}, second: JoinOptions = {}) => {
    const groupId = fresh('group')
    const leader = await aloneIn(await connect(), groupId, first)
    const follower = new TestMember(await connect(), groupId, second)
    const joining = follower.join()
    await eventually('a rebalance', async () => ((await leader.heartbeat()) === 27 ? true : undefined))
    await Promise.all([joining, leader.join()])
    const [synced] = await Promise.all([
      follower.sync(),
      leader.sync({ [leader.memberId]: 'first', [follower.memberId]: 'second' }),
    ])
    assert.equal(synced.assignment.toString(), 'second')
    return { groupId, leader, follower }
  }

  describe('dynamic members', { concurrency: true }, () => {
    test('one joins, is its own leader, gets what it assigned, and leaves', async () => {
      const member = new TestMember(await connect(), fresh('group'))
      const joined = await member.join()
      assert.equal(joined.leader, joined.memberId)
      assert.deepEqual(
        joined.members.map(({ memberId, metadata }) => [memberId, metadata.toString()]),
        [[joined.memberId, 'm']],
      )
      assert.equal(joined.protocolName, 'p')
      assert.equal((await member.sync({ [joined.memberId]: 'all' })).assignment.toString(), 'all')
      expectError(await member.heartbeat(), 'NONE')
      assert.equal((await member.sync()).assignment.toString(), 'all')
      expectError(await member.leave(), 'NONE')
      expectError(await member.heartbeat(), 'UNKNOWN_MEMBER_ID')
      expectError((await member.joinOnce()).errorCode, 'UNKNOWN_MEMBER_ID')
    })

    test('a second one makes the first join again; both are in the next generation', async () => {
      const { leader, follower } = await pair()
      assert.equal(leader.generationId, follower.generationId)
      expectError(await leader.heartbeat(), 'NONE')
      expectError(await leader.heartbeat({ generationId: leader.generationId - 1 }), 'ILLEGAL_GENERATION')
      expectError(await leader.heartbeat({ memberId: 'somebody' }), 'UNKNOWN_MEMBER_ID')
    })

    test('a follower that joins again unchanged learns the present generation; with other metadata it starts a rebalance', async () => {
      const { leader, follower } = await pair()
      const { generationId } = follower
      const again = await follower.join()
      assert.equal(again.generationId, generationId)
      assert.deepEqual(again.members, [])
      const joining = follower.join({ metadata: 'other' })
      await eventually('a rebalance', async () => ((await leader.heartbeat()) === 27 ? true : undefined))
      expectError((await leader.sync()).errorCode, 'REBALANCE_IN_PROGRESS')
      const [, joined] = await Promise.all([joining, leader.join()])
      assert.equal(joined.generationId, generationId + 1)
      assert.ok(joined.members.some(({ metadata }) => metadata.toString() === 'other'))
    })

    test('a leader that joins again starts a rebalance', async () => {
      const { leader, follower } = await pair()
      const joining = leader.join()
      await eventually('a rebalance', async () => ((await follower.heartbeat()) === 27 ? true : undefined))
      await Promise.all([joining, follower.join()])
    })

    test('when one leaves, the others rebalance', async () => {
      const { leader, follower } = await pair()
      expectError(await leader.leave(), 'NONE')
      expectError(await follower.heartbeat(), 'REBALANCE_IN_PROGRESS')
      const joined = await follower.join()
      assert.equal(joined.leader, follower.memberId)
    })

    test('one that is silent for its session time-out is thrown out', async () => {
      const { leader, follower } = await pair({}, { sessionTimeoutMs: 6_000 })
      await eventually('a rebalance', async () => ((await leader.heartbeat()) === 27 ? true : undefined), 15_000)
      expectError(await follower.heartbeat(), 'UNKNOWN_MEMBER_ID')
    })

    test('a rebalance ends a SyncGroup that waits', async () => {
      const groupId = fresh('group')
      const first = await aloneIn(await connect(), groupId)
      const second = new TestMember(await connect(), groupId)
      const joining = second.join()
      await eventually('a rebalance', async () => ((await first.heartbeat()) === 27 ? true : undefined))
      await Promise.all([joining, first.join()])
      const follower = first.generationId > 0 && (await first.heartbeat()) === 0 ? second : first
      const waiting = follower.sync()
      const third = new TestMember(await connect(), groupId)
      const thirdJoining = third.join()
      expectError((await waiting).errorCode, 'REBALANCE_IN_PROGRESS')
      const leader = follower === first ? second : first
      await Promise.all([thirdJoining, follower.join(), leader.join()])
    })

    test('what JoinGroup refuses', async () => {
      const client = await connect()
      const member = await aloneIn(client, fresh('group'))
      const stranger = new TestMember(client, member.groupId)
      expectError((await stranger.joinOnce({ memberId: 'somebody' })).errorCode, 'UNKNOWN_MEMBER_ID')
      expectError((await stranger.joinOnce({ protocol: 'other' })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL')
      expectError((await stranger.joinOnce({ sessionTimeoutMs: 1 })).errorCode, 'INVALID_SESSION_TIMEOUT')
      const lost = new TestMember(client, fresh('group'))
      expectError((await lost.joinOnce({ memberId: 'somebody' })).errorCode, 'UNKNOWN_MEMBER_ID')
      expectError(await lost.heartbeat({ memberId: 'somebody', generationId: 1 }), 'UNKNOWN_MEMBER_ID')
      expectError(await lost.leave('somebody'), 'UNKNOWN_MEMBER_ID')
    })
  })

  describe('static members', { concurrency: true }, () => {
    test('one that restarts is back without a rebalance, and its former self is fenced', async () => {
      const { groupId, leader, follower } = await pair({}, { instanceId: 'static' })
      const restarted = new TestMember(await connect(), groupId, { instanceId: 'static', metadata: 'changed' })
      const joined = await restarted.join()
      assert.equal(joined.generationId, follower.generationId)
      assert.notEqual(joined.memberId, follower.memberId)
      assert.equal(joined.skipAssignment, false)
      assert.equal((await restarted.sync()).assignment.toString(), 'second')
      expectError(await leader.heartbeat(), 'NONE')
      expectError(await follower.heartbeat(), 'FENCED_INSTANCE_ID')
      expectError((await follower.sync()).errorCode, 'FENCED_INSTANCE_ID')
      expectError((await follower.joinOnce()).errorCode, 'FENCED_INSTANCE_ID')
      expectError(await follower.leave(follower.memberId, 'static'), 'FENCED_INSTANCE_ID')
      expectError(await restarted.heartbeat(), 'NONE')
    })

    test('a leader that restarts keeps its place and need not assign', async () => {
      const { groupId, leader, follower } = await pair({ instanceId: 'leader' })
      const restarted = new TestMember(await connect(), groupId, { instanceId: 'leader' })
      const joined = await restarted.join()
      assert.equal(joined.skipAssignment, true)
      assert.equal(joined.leader, joined.memberId)
      assert.equal(joined.generationId, leader.generationId)
      assert.equal(joined.members.length, 2)
      assert.equal((await restarted.sync()).assignment.toString(), 'first')
      expectError(await follower.heartbeat(), 'NONE')
    })

    test('one can be removed by its instance id alone', async () => {
      const { leader, follower } = await pair({}, { instanceId: 'static' })
      expectError(await leader.leave('', 'nobody'), 'UNKNOWN_MEMBER_ID')
      expectError(await leader.leave('', 'static'), 'NONE')
      expectError(await leader.heartbeat(), 'REBALANCE_IN_PROGRESS')
      expectError(await follower.heartbeat(), 'UNKNOWN_MEMBER_ID')
    })

    test('one that comes back while the group waits for it takes part under its new id', async () => {
      const { groupId, leader, follower } = await pair({}, { instanceId: 'static' })
      const joining = leader.join()
      await eventually('a rebalance', async () => ((await follower.heartbeat()) === 27 ? true : undefined))
      const restarted = new TestMember(await connect(), groupId, { instanceId: 'static' })
      const [joined] = await Promise.all([joining, restarted.join()])
      assert.deepEqual(
        joined.members.map(({ memberId }) => memberId).toSorted(),
        [leader.memberId, restarted.memberId].toSorted(),
      )
      assert.equal(restarted.generationId, follower.generationId + 1)
    })
  })

  describe('groups seen from outside', { concurrency: true }, () => {
    test('they are described, listed, and deleted once they are empty', async () => {
      const client = await connect()
      const groupId = fresh('group')
      const member = await aloneIn(client, groupId, { instanceId: 'static' })
      const described = (await client.askGroup(groupId, 'DescribeGroups', { groups: [groupId] })).groups[0]
      assert.equal(described?.groupState, 'Stable')
      assert.deepEqual(
        described?.members.map((m) => [m.memberId, m.groupInstanceId, m.memberAssignment.toString()]),
        [[member.memberId, 'static', 'mine']],
      )
      const node = await client.coordinator('group', groupId)
      const { groups } = await client.ask('ListGroups', { statesFilter: [] }, node)
      assert.equal(groups.find((group) => group.groupId === groupId)?.groupState, 'Stable')
      const remove = async () =>
        (await client.askGroup(groupId, 'DeleteGroups', { groupsNames: [groupId] })).results[0]?.errorCode
      expectError(await remove(), 'NON_EMPTY_GROUP')
      expectError(await member.leave(), 'NONE')
      expectError(await remove(), 'NONE')
      expectError(await remove(), 'GROUP_ID_NOT_FOUND')
    })
  })
}
