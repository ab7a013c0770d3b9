import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FatalError, StoppedError } from '../../../service/errors.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { Bed, eventually } from './bed.ts'
import { MemberParts } from './member-parts.ts'

describe('GroupJoin', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())
  const member = (name: string, instanceId: string | null = null) => new MemberParts(bed, `${bed.id}-${name}`, instanceId)

  test('comes back with the id that it is given; alone it leads, and gives itself everything', async () => {
    const { join, standing } = member('alone')
    assert.equal(await join.attempt(), null)
    assert.notEqual(standing.memberId, '')
    const joined = await join.attempt()
    assert.deepEqual(joined?.assignment.tasks, ['0_0', '0_1'])
    assert.deepEqual([joined?.announced, joined?.previousGeneration], [[], -1])
    assert.ok(standing.isMember)
  })

  test('names what it holds, and the generation before', async () => {
    const { join, standing } = member('again')
    await join.attempt()
    const first = await join.attempt()
    standing.enter('stable')
    standing.holds(first?.assignment.tasks ?? [])
    const before = standing.generation
    const second = await join.attempt()
    assert.deepEqual([second?.announced, second?.previousGeneration], [['0_0', '0_1'], before])
    assert.equal(standing.generation, before + 1)
  })

  test('a membership that is lost while the request is out makes its answer void', async () => {
    const one = member('lost')
    await one.stable()
    one.wire.fault = ({ api }) => {
      if (api === 'SyncGroup') one.standing.lose('meanwhile')
      return 'pass'
    }
    assert.equal(await one.join.attempt(), null)
    assert.ok(!one.standing.isMember)
  })

  test('a member that was lost is not lost again by the answer to what it asked before', async () => {
    const one = member('twice')
    await one.stable()
    one.wire.fault = ({ api }) => {
      if (api !== 'JoinGroup') return 'pass'
      one.standing.lose('meanwhile')
      return { answer: { errorCode: errorCode.UNKNOWN_MEMBER_ID, memberId: '' } }
    }
    assert.equal(await one.join.attempt(), null)
    assert.deepEqual(one.losses, ['meanwhile'])
    assert.equal(one.standing.phase, 'outside')
  })

  test('without an answer it asks again, and stays a member for a session', async () => {
    const one = member('trouble')
    await one.stable()
    one.wire.fault = ({ api }) => (api === 'JoinGroup' ? 'lose-request' : 'pass')
    assert.equal(await one.join.attempt(), null)
    assert.ok(one.standing.isMember)
    one.wire.fault = () => 'pass'
    await one.joined()
    assert.deepEqual(one.losses, [])
  })

  test('a member that the coordinator does not know has lost everything; what nobody can mend is thrown', async () => {
    const one = member('verdicts')
    await one.stable()
    const refuse = (code: number) => {
      one.wire.fault = ({ api }) => (api === 'JoinGroup' ? { answer: { errorCode: code, memberId: '' } } : 'pass')
    }
    refuse(errorCode.UNKNOWN_MEMBER_ID)
    assert.equal(await one.join.attempt(), null)
    assert.match(one.losses[0] ?? '', /UNKNOWN_MEMBER_ID/)
    refuse(errorCode.INCONSISTENT_GROUP_PROTOCOL)
    await assert.rejects(one.join.attempt(), FatalError)
  })

  test('P16: a static member whom a coordinator that has moved does not remember comes again, once', async () => {
    const one = member('forgotten', 'a')
    let refusals = 1
    one.wire.fault = ({ api }) => {
      if (api !== 'SyncGroup' || refusals-- <= 0) return 'pass'
      return { answer: { errorCode: errorCode.FENCED_INSTANCE_ID } }
    }
    await one.joined()
    assert.match(one.losses.join(), /FENCED_INSTANCE_ID/)
    assert.ok(one.standing.isMember)
    refusals = 1
    await assert.rejects(one.join.attempt(), /another process has this instance id/, 'a member that was in is replaced')
  })

  test('two refusals in a row: another process has the instance id', async () => {
    const one = member('replaced', 'a')
    one.wire.fault = ({ api }) => (api === 'SyncGroup' ? { answer: { errorCode: errorCode.FENCED_INSTANCE_ID } } : 'pass')
    await assert.rejects(one.joined(), /another process has this instance id/)
    assert.equal(one.losses.length, 1)
  })

  test('the end of the member ends a join that is held', async () => {
    const one = member('held')
    await one.stable()
    const other = new MemberParts(bed, `${bed.id}-held`)
    await other.join.attempt()
    // Held until the first member joins as well.
    const held = other.join.attempt()
    await eventually('the request is out', () => other.wire.count('JoinGroup') === 2)
    other.standing.end('left')
    await assert.rejects(held, StoppedError)
  })
})
