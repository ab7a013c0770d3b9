/** The parts of one group member, each to be called by hand. */
import type { CaudalError } from '../../../service/errors.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { GroupHeartbeats } from '../../../service/kafka/group-heartbeats.ts'
import { GroupJoin, type Joined } from '../../../service/kafka/group-join.ts'
import { GroupRequests } from '../../../service/kafka/group-requests.ts'
import { GroupStanding } from '../../../service/kafka/group-standing.ts'
import { silentLog } from '../../../service/log.ts'
import type { Bed, FaultWire } from './bed.ts'

export class MemberParts {
  readonly wire: FaultWire
  readonly standing: GroupStanding
  readonly requests: GroupRequests
  readonly join: GroupJoin
  readonly heartbeats: GroupHeartbeats
  readonly losses: string[] = []
  error: CaudalError | null = null

  constructor(bed: Bed, group: string, instanceId: string | null = null) {
    this.wire = bed.client()
    const options = {
      cluster: new Cluster(this.wire, bed.clock),
      clock: bed.clock,
      log: silentLog,
      groupId: group,
      instanceId,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      heartbeatIntervalMs: 20,
      purpose: group,
      fingerprint: 'print',
      transactionalIds: ['tx'],
      topics: [],
      taskPartitions: () => [],
      allTasks: () => ['0_0', '0_1'] as const,
      onLost: (reason: string) => void this.losses.push(reason),
      fail: (error: CaudalError) => {
        this.error = error
      },
    }
    this.standing = new GroupStanding(options)
    this.requests = new GroupRequests({ ...options, signal: this.standing.ended })
    this.join = new GroupJoin(options, this.standing, this.requests)
    this.heartbeats = new GroupHeartbeats(options, this.standing, this.requests)
  }

  /** Joins, however often the coordinator sends it back. */
  async joined(): Promise<Joined> {
    for (;;) {
      const joined = await this.join.attempt()
      if (joined !== null) return joined
      await this.join.pause()
    }
  }

  /** Joins, and takes over what it was given. */
  async stable(): Promise<void> {
    const { assignment } = await this.joined()
    this.standing.enter('stable')
    this.standing.holds(assignment.tasks)
  }
}
