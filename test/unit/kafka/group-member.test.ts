import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type CaudalError, ConfigurationError, FatalError } from '../../../service/errors.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { GroupMember, type GroupMemberOptions } from '../../../service/kafka/group-member.ts'
import { errorCode } from '../../../service/kafka/wire/error-codes.ts'
import { silentLog } from '../../../service/log.ts'
import type { Membership } from '../../../service/runtime/seam.ts'
import { coordinatorPartition, offsetsTopic } from '../../../service/memory/topics.ts'
import { parseTaskId, type TaskId, taskId } from '../../../service/task-id.ts'
import { Bed, eventually, type FaultWire } from './bed.ts'

const sessionTimeoutMs = 1_500

/** A member that notes what it is told. */
class Worker {
  readonly member: GroupMember
  readonly wire: FaultWire
  readonly events: string[] = []
  tasks: readonly TaskId[] = []
  liveIds: readonly string[] = []
  membership: Membership | null = null
  generations: { previous: number; generation: number; kept: readonly TaskId[] }[] = []
  losses: string[] = []
  error: CaudalError | null = null
  barrier: () => Promise<void> = () => Promise.resolve()
  running: Promise<void> | null = null
  constructor(bed: Bed, topic: string, name: string, options: Partial<GroupMemberOptions> = {}) {
    this.wire = bed.client()
    const tasks = Array.from({ length: 4 }, (_, partition) => taskId(0, partition))
    this.member = new GroupMember({
      cluster: new Cluster(this.wire, bed.clock),
      clock: bed.clock,
      groupId: topic,
      instanceId: null,
      sessionTimeoutMs,
      rebalanceTimeoutMs: 5_000,
      heartbeatIntervalMs: 50,
      transactionalIds: [`tx-${name}`],
      fingerprint: 'print',
      topics: [topic],
      taskPartitions: (of) => [{ topic, partitions: of.map((task) => parseTaskId(task).partition) }],
      allTasks: () => tasks,
      purpose: name,
      log: silentLog,
      events: {
        assigned: ({ membership, tasks, liveIds }) => {
          this.events.push('assigned')
          this.membership = membership
          this.tasks = tasks
          this.liveIds = liveIds
        },
        generation: ({ membership, previous, kept }) => {
          this.events.push('generation')
          this.generations.push({ previous, generation: membership.generation, kept })
        },
        revoke: async (revoked) => {
          this.events.push(`revoke ${revoked.length}`)
          await this.barrier()
          this.events.push('revoked')
        },
        lost: (reason) => {
          this.events.push('lost')
          this.losses.push(reason)
          this.tasks = []
        },
        fatal: (error) => {
          this.error = error
        },
      },
      ...options,
    })
  }
  start(): this {
    this.running = this.member.join()
    return this
  }
  async end(): Promise<void> {
    await this.member.leave({ permanent: true })
    await this.running
  }
}

describe('GroupMember', () => {
  let bed: Bed
  before(async () => {
    bed = new Bed()
    await bed.cluster.connect()
  })
  after(() => bed.close())
  const has = (worker: Worker, count: number) => eventually(`${count} tasks`, () => worker.tasks.length === count)

  test('alone it gets everything; a second one gets half, after the barrier of the first', async () => {
    const topic = await bed.topic('two', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    assert.deepEqual(one.liveIds, ['tx-one'])
    let open = () => {}
    one.barrier = () => new Promise((resolve) => (open = resolve))
    const two = new Worker(bed, topic, 'two').start()
    await eventually('the first gives up two', () => one.events.includes('revoke 2'))
    await eventually('the second knows of its membership', () => two.membership !== null)
    assert.deepEqual(two.tasks, [])
    assert.equal(one.tasks.length, 4)
    assert.equal(await one.member.heartbeatNow(), 'ok')
    open()
    await has(two, 2)
    await has(one, 2)
    assert.deepEqual([...one.tasks, ...two.tasks].sort(), ['0_0', '0_1', '0_2', '0_3'])
    assert.deepEqual([...two.liveIds].sort(), ['tx-one', 'tx-two'])
    // P1's exception: each step names what was owned when it was taken.
    const [step] = one.generations
    assert.equal(step?.generation, (step?.previous ?? 0) + 1)
    assert.equal(step?.kept.length, 4)
    assert.ok(one.events.indexOf('generation') < one.events.indexOf('revoke 2'))
    assert.deepEqual(one.losses, [])
    await two.end()
    await has(one, 4)
    await one.end()
  })

  test('P1: a generation that the coordinator lost on its move comes again under its number, and is a step like any other', async (t) => {
    const { memory } = bed
    if (memory === null) return t.skip('a broker of its own has no coordinator to move')
    const topic = await bed.topic('rolled-back', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    const [generation, previous] = [one.membership?.generation ?? 0, one.generations.length]
    // The answer to JoinGroup is there, and no assignment is written: the next coordinator knows the generation before.
    one.wire.fault = ({ api }) => {
      if (api !== 'SyncGroup') return 'pass'
      one.wire.fault = () => 'pass'
      memory.moveLeader(offsetsTopic, coordinatorPartition(topic, 5), 1)
      return 'pass'
    }
    const two = new Worker(bed, topic, 'two').start()
    await eventually('it has taken the step', () => one.generations.length > previous)
    const step = one.generations[previous]
    assert.deepEqual([step?.previous, step?.generation, step?.kept.length], [generation, generation + 1, 4])
    assert.deepEqual(one.losses, [])
    await two.end()
    await one.end()
  })

  test('static: a restart finds its tasks, and the others never notice', async () => {
    const topic = await bed.topic('static', 4)
    const one = new Worker(bed, topic, 'one', { instanceId: 'i-1' }).start()
    await has(one, 4)
    const two = new Worker(bed, topic, 'two', { instanceId: 'i-2' }).start()
    await has(two, 2)
    await has(one, 2)
    await eventually('both are in one generation', () => one.membership?.generation === two.membership?.generation)
    const [generation, assignments] = [one.membership?.generation, one.events.length]
    await two.member.leave()
    await two.running
    const again = new Worker(bed, topic, 'two', { instanceId: 'i-2' }).start()
    await has(again, 2)
    assert.deepEqual(again.tasks, two.tasks)
    assert.equal(again.membership?.generation, generation)
    assert.notEqual(again.membership?.memberId, two.membership?.memberId)
    assert.equal(await one.member.heartbeatNow(), 'ok')
    assert.equal(one.events.length, assignments)
    await again.end()
    await has(one, 4)
    await one.end()
  })

  test('two processes with one instance id: the first ends with a sentence', async () => {
    const topic = await bed.topic('twins', 4)
    const one = new Worker(bed, topic, 'one', { instanceId: 'twin' }).start()
    await has(one, 4)
    const two = new Worker(bed, topic, 'two', { instanceId: 'twin' }).start()
    await has(two, 4)
    await eventually('the first is told', () => one.error !== null)
    assert.ok(one.error instanceof FatalError)
    assert.match(one.error.message, /another process has this instance id/)
    assert.equal(two.error, null)
    await one.running
    await two.end()
  })

  test('another topology under the same id is refused, and gets nothing', async () => {
    const topic = await bed.topic('prints', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    const odd = new Worker(bed, topic, 'odd', { fingerprint: 'another' }).start()
    await eventually('it is refused', () => odd.error !== null)
    assert.match(odd.error?.message ?? '', /Another topology runs under this application id/)
    await odd.end()
    assert.deepEqual(odd.tasks, [])
    assert.deepEqual(one.losses, [])
    await has(one, 4)
    await one.end()
  })

  test('P16: a static rejoin without a rebalance checks the fingerprint; alone, the new topology takes over', async () => {
    const topic = await bed.topic('upgrade', 4)
    const [one, two] = [
      new Worker(bed, topic, 'one', { instanceId: 'u-1' }).start(),
      new Worker(bed, topic, 'two', { instanceId: 'u-2' }).start(),
    ]
    await has(one, 2)
    await has(two, 2)
    await two.member.leave()
    const upgraded = new Worker(bed, topic, 'two', { instanceId: 'u-2', fingerprint: 'next' }).start()
    await eventually('it is refused while the other runs', () => upgraded.error !== null)
    await upgraded.end()
    await has(one, 4)
    await one.member.leave()
    const alone = new Worker(bed, topic, 'one', { instanceId: 'u-1', fingerprint: 'next' }).start()
    await has(alone, 4)
    assert.equal(alone.error, null)
    await alone.end()
  })

  test('no heartbeat, no membership: others take over; a resumed one comes back as a newcomer', async () => {
    const topic = await bed.topic('hung', 4)
    const [one, two] = [new Worker(bed, topic, 'one').start(), new Worker(bed, topic, 'two').start()]
    await has(one, 2)
    await has(two, 2)
    two.member.suspendHeartbeats()
    await has(one, 4)
    await eventually('the hung one knows by itself', () => two.losses.length > 0)
    assert.equal(await two.member.heartbeatNow(), 'lost')
    two.member.resume()
    await has(two, 2)
    await has(one, 2)
    await Promise.all([one.end(), two.end()])
  })

  test('an answer that is lost, or a coordinator that loads, costs nothing', async () => {
    const topic = await bed.topic('trouble', 4)
    const one = new Worker(bed, topic, 'one')
    let [looks, joins, syncs] = [0, 0, 0]
    one.wire.fault = ({ api }) => {
      if (api === 'FindCoordinator' && ++looks < 3)
        return { answer: { coordinators: [{ key: topic, nodeId: -1, errorCode: errorCode.COORDINATOR_NOT_AVAILABLE }] } }
      if (api === 'JoinGroup') return ++joins % 3 === 0 ? 'lose-answer' : 'pass'
      if (api === 'SyncGroup')
        return ++syncs === 1 ? { answer: { errorCode: errorCode.NOT_COORDINATOR, assignment: Buffer.alloc(0) } } : 'pass'
      return 'pass'
    }
    one.start()
    await has(one, 4)
    let beats = 0
    one.wire.fault = ({ api }) => (api === 'Heartbeat' && ++beats % 2 === 0 ? 'lose-answer' : 'pass')
    await eventually('heartbeats went on', () => beats > 6)
    assert.equal(await one.member.heartbeatNow(), 'ok')
    assert.deepEqual(one.losses, [])
    one.wire.fault = () => 'pass'
    await one.end()
  })

  test('cut off for a session it counts itself out, and joins anew when the network is back', async () => {
    const topic = await bed.topic('cut', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    const before = one.membership
    one.wire.fault = () => 'lose-request'
    assert.equal(await one.member.heartbeatNow(), 'lost')
    assert.match(one.losses[0] ?? '', /answered no heartbeat/)
    assert.deepEqual(one.tasks, [])
    one.wire.fault = () => 'pass'
    await has(one, 4)
    assert.notEqual(one.membership?.memberId, before?.memberId)
    await one.end()
  })

  test('thrown out by the coordinator it loses everything at once', async () => {
    const topic = await bed.topic('thrown', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    let beats = 0
    one.wire.fault = ({ api }) =>
      api === 'Heartbeat' && beats++ === 0 ? { answer: { throttleTimeMs: 0, errorCode: errorCode.UNKNOWN_MEMBER_ID } } : 'pass'
    await eventually('it is lost', () => one.losses.length === 1)
    await eventually('it has all again', () => one.tasks.length === 4)
    assert.equal(one.events.at(-1), 'assigned')
    await one.end()
  })

  test('a session time-out that the broker refuses ends with a sentence', async () => {
    const topic = await bed.topic('session', 4)
    const one = new Worker(bed, topic, 'one', { sessionTimeoutMs: 10 }).start()
    await one.running
    assert.match(
      one.error?.message ?? '',
      /INVALID_SESSION_TIMEOUT; the session time-out is outside of group.min.session.timeout.ms/,
    )
    assert.ok(!(one.error instanceof ConfigurationError))
    await one.end()
  })

  test('a group that may not be looked up ends with a sentence', async () => {
    const topic = await bed.topic('forbidden', 4)
    const one = new Worker(bed, topic, 'one')
    const coordinators = [{ key: topic, nodeId: -1, errorCode: errorCode.GROUP_AUTHORIZATION_FAILED }]
    one.wire.fault = ({ api }) => (api === 'FindCoordinator' ? { answer: { coordinators } } : 'pass')
    await one.start().running
    assert.match(one.error?.message ?? '', /GROUP_AUTHORIZATION_FAILED; give this user the right to read the group/)
    await one.end()
  })

  test('a member that may not look its coordinator up again ends with a sentence too', async () => {
    const topic = await bed.topic('forbidden-later', 4)
    const one = new Worker(bed, topic, 'one').start()
    await has(one, 4)
    const coordinators = [{ key: topic, nodeId: -1, errorCode: errorCode.GROUP_AUTHORIZATION_FAILED }]
    one.wire.fault = ({ api }) => {
      if (api === 'FindCoordinator') return { answer: { coordinators } }
      return api === 'Heartbeat' ? 'lose-request' : 'pass'
    }
    assert.equal(await one.member.heartbeatNow(), 'lost')
    await one.running
    assert.match(one.error?.message ?? '', /GROUP_AUTHORIZATION_FAILED/)
    await one.end()
  })

  test('many come and go; no task is ever at two of them', async () => {
    const topic = await bed.topic('many', 4)
    const workers = ['a', 'b', 'c'].map((name) => new Worker(bed, topic, name).start())
    const claims = () => workers.flatMap(({ tasks }) => tasks)
    const unique = () => new Set(claims()).size === claims().length
    await eventually('all tasks are given', () => {
      assert.ok(unique())
      return claims().length === 4 && workers.every(({ tasks }) => tasks.length >= 1)
    })
    const [first, ...rest] = workers
    await first?.end()
    if (first) first.tasks = []
    await eventually('the others have all', () => {
      assert.ok(unique())
      return claims().length === 4
    })
    await Promise.all(rest.map((worker) => worker.end()))
  })
})
