/** Opens the seat of a worker: its identity, its membership, and the way to it that the caller chooses. */
import type { Clock } from '../clock.ts'
import type { CaudalError } from '../errors.ts'
import { Cluster } from '../kafka/cluster.ts'
import { GroupMember } from '../kafka/group-member.ts'
import type { Wire } from '../kafka/wire/wire.ts'
import type { Log } from '../log.ts'
import { groupId, groupInstanceId, secondTransactionalId, transactionalId } from '../topology/names.ts'
import type { Plan } from '../topology/plan.ts'
import type { Rows } from './running.ts'
import { type FromWorker, SharedFlags } from './seam.ts'
import { Seat, type WorkerChannel } from './seat.ts'
import { Waits } from './waits.ts'
import { WatchedWire } from './watched-wire.ts'
import type { WorkerIds } from './worker-parts.ts'

export interface MembershipSettings {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly batchTimeoutMs: number
}

export interface SeatOptions {
  readonly plan: Plan
  /** Null: dynamic membership, under a random transactional id. */
  readonly instanceId: string | null
  readonly membership: MembershipSettings
  readonly wire: Wire
  readonly clock: Clock
  readonly log: Log
  readonly onRows: (rows: Rows) => void
  readonly openChannel: (ids: WorkerIds, flags: SharedFlags, receive: (message: FromWorker) => void) => WorkerChannel
}

export function openSeat(options: SeatOptions, worker: number, fail: (error: CaudalError, exitCode: 1 | 2) => void): Seat {
  const { plan, instanceId, membership, wire, clock, log } = options
  const flags = new SharedFlags()
  const group = groupId(plan.application)
  const ids = { worker, group, transactionalIds: transactionalIdsOf(options, worker) }
  const { batchTimeoutMs, ...timing } = membership
  const waits = new Waits(clock)
  return new Seat({
    worker,
    flags,
    clock,
    log,
    batchTimeoutMs,
    sessionTimeoutMs: timing.sessionTimeoutMs,
    tasksInAll: plan.tasks.length,
    waits,
    openChannel: (receive) => options.openChannel(ids, flags, receive),
    openMember: (events) =>
      new GroupMember({
        ...timing,
        cluster: new Cluster(new WatchedWire(wire, clock, waits), clock),
        clock,
        groupId: group,
        instanceId: instanceId === null ? null : groupInstanceId(instanceId, worker),
        transactionalIds: ids.transactionalIds,
        fingerprint: plan.fingerprint,
        topics: plan.subscription,
        taskPartitions: (tasks) => partitionsOf(plan, tasks),
        allTasks: () => plan.tasks,
        purpose: String(worker),
        events,
        log,
      }),
    fail,
    onRows: options.onRows,
  })
}

/** Stable if and only if the membership is (P7). Two where transactions follow one another without a pause (P6). */
function transactionalIdsOf({ plan, instanceId, clock }: SeatOptions, worker: number): WorkerIds['transactionalIds'] {
  const { application, graph } = plan
  const instance = instanceId ?? clock.id()
  const first = transactionalId(application, instance, worker)
  return graph.definition.trigger === 'continuous' ? [first, secondTransactionalId(application, instance, worker)] : [first]
}

/** The partitions of tasks, by topic: what the standard assignment of a consumer group carries. */
function partitionsOf(plan: Plan, tasks: Plan['tasks']): readonly { readonly topic: string; readonly partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of tasks.flatMap((task) => plan.taskPartitions(task))) {
    const partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, [partition])
    else partitions.push(partition)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
