/** Looks at what a process sends: rules whose breach need not show in the data, because a luckier process repairs it. */
import { decodeAssignment } from '../../service/kafka/consumer-protocol.ts'
import { errorCode } from '../../service/kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { NodeId, RequestOptions, Wire } from '../../service/kafka/wire/wire.ts'
import { parseTaskId, type TaskId } from '../../service/task-id.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

const fencedCodes: readonly number[] = [
  errorCode.PRODUCER_FENCED,
  errorCode.INVALID_PRODUCER_EPOCH,
  errorCode.INVALID_PRODUCER_ID_MAPPING,
  errorCode.FENCED_INSTANCE_ID,
  // The answer to a producer whose epochs are used up.
  errorCode.UNKNOWN_SERVER_ERROR,
]
const aliveCodes: readonly number[] = [errorCode.NONE, errorCode.REBALANCE_IN_PROGRESS]

export function monitored(inner: Wire, cluster: SimulatedCluster, breach: (what: string) => void): Wire {
  const monitor = new ProtocolMonitor(cluster, breach)
  return {
    async request<A extends Api>(
      node: NodeId,
      purpose: string,
      api: A,
      body: RequestOf<A>,
      options?: RequestOptions,
    ): Promise<AnswerOf<A>> {
      if (api === 'InitProducerId') monitor.initialising(purpose, body as RequestOf<'InitProducerId'>)
      const answer = await inner.request(node, purpose, api, body, options)
      monitor.answered(api, answer, purpose)
      return answer
    },
    close: () => inner.close(),
  }
}

class ProtocolMonitor {
  readonly #cluster: SimulatedCluster
  readonly #breach: (what: string) => void
  #hasStarted = false
  /** A heartbeat was answered well since the producer was last told that it is fenced; false while it was not fenced. */
  #mayInitialise = false
  #isFenced = false
  #liveIds: readonly string[] = []
  #tasks: readonly TaskId[] = []

  constructor(cluster: SimulatedCluster, breach: (what: string) => void) {
    this.#cluster = cluster
    this.#breach = breach
  }

  initialising(purpose: string, { transactionalId, producerId = -1 }: RequestOf<'InitProducerId'>): void {
    if (producerId >= 0 || transactionalId === null) return
    if (purpose === 'recovery') return this.#fencing(transactionalId)
    if (this.#hasStarted && !this.#mayInitialise)
      this.#breach('InitProducerId(−1) of a running process that was not fenced, or has not asked whether it may live (P4)')
  }

  answered(api: Api, answer: unknown, purpose: string): void {
    if (api === 'SyncGroup') this.#synced(answer as AnswerOf<'SyncGroup'>)
    if (api === 'Heartbeat' && this.#isFenced && aliveCodes.includes((answer as AnswerOf<'Heartbeat'>).errorCode))
      this.#mayInitialise = true
    if (purpose === 'recovery' || !['InitProducerId', 'Produce', 'TxnOffsetCommit', 'EndTxn'].includes(api)) return
    const codes = codesOf(api, answer)
    if (codes.some((code) => fencedCodes.includes(code))) {
      this.#isFenced = true
      this.#mayInitialise = false
    } else if (api === 'InitProducerId' && codes.includes(errorCode.NONE)) {
      this.#hasStarted = true
      this.#isFenced = false
      this.#mayInitialise = false
    }
  }

  #synced({ errorCode: code, assignment }: AnswerOf<'SyncGroup'>): void {
    const decoded = code === errorCode.NONE ? decodeAssignment(assignment) : null
    if (decoded === null) return
    this.#liveIds = decoded.liveIds
    this.#tasks = decoded.tasks
  }

  /** P9: the transaction of a live member may be fenced only where it is open on a changelog of one's own. */
  #fencing(transactionalId: string): void {
    if (!this.#liveIds.includes(transactionalId)) return
    const { plan } = this.#cluster.prepared
    const own = this.#tasks.flatMap((task) => {
      const { subtopology, partition } = parseTaskId(task)
      const stores = plan.graph.subtopologies[subtopology]?.stores ?? []
      return stores.map(({ name }) => ({ topic: plan.changelogOf(name), partition }))
    })
    void this.#cluster.openPartitions(transactionalId).then((open) => {
      const isOnOwn = open.some(({ topic, partition }) =>
        own.some((mine) => mine.topic === topic && mine.partition === partition),
      )
      if (open.length > 0 && !isOnOwn) this.#breach(`fences ${transactionalId}, which a live member announces (P9)`)
    })
  }
}

function codesOf(api: Api, answer: unknown): readonly number[] {
  if (api === 'Produce')
    return (answer as AnswerOf<'Produce'>).responses.flatMap((topic) => topic.partitionResponses.map((one) => one.errorCode))
  if (api === 'TxnOffsetCommit')
    return (answer as AnswerOf<'TxnOffsetCommit'>).topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode))
  return [(answer as { readonly errorCode: number }).errorCode]
}
