/** Looks at what a process sends: rules whose breach need not show in the data, because a luckier process repairs it. */
import { decodeAssignment, decodeSubscription } from '../../service/kafka/consumer-protocol.ts'
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
      monitor.sending(api, body, purpose)
      const answer = await inner.request(node, purpose, api, body, options)
      monitor.answered(api, answer, { purpose, body })
      return answer
    },
    close: () => inner.close(),
  }
}

class ProtocolMonitor {
  readonly #cluster: SimulatedCluster
  readonly #breach: (what: string) => void
  #hasStarted = false
  #isFenced = false
  /** Which ids may begin anew: all, once a heartbeat was answered well since one of them was last told that it is fenced. */
  #mayInitialise = new Set<string>()
  /** The transactional ids that the process announces. */
  #ownIds: readonly string[] = []
  /** Those with an epoch of their own, since one of them was last fenced. */
  readonly #initialised = new Set<string>()
  /** Those with a transaction of which nobody has heard how it ended. */
  readonly #undecided = new Set<string>()
  #liveIds: readonly string[] = []
  #tasks: readonly TaskId[] = []

  constructor(cluster: SimulatedCluster, breach: (what: string) => void) {
    this.#cluster = cluster
    this.#breach = breach
  }

  sending(api: Api, body: unknown, purpose: string): void {
    if (api === 'JoinGroup') this.#joining(body as RequestOf<'JoinGroup'>)
    if (api === 'InitProducerId') this.#initialising(purpose, body as RequestOf<'InitProducerId'>)
    if (writes.includes(api)) this.#writing(idOf(api, body))
  }

  answered(api: Api, answer: unknown, { purpose, body }: { readonly purpose: string; readonly body: unknown }): void {
    if (api === 'SyncGroup') this.#synced(answer as AnswerOf<'SyncGroup'>)
    if (api === 'Heartbeat' && this.#isFenced && aliveCodes.includes((answer as AnswerOf<'Heartbeat'>).errorCode))
      this.#mayInitialise = new Set(this.#ownIds)
    if (purpose === 'recovery' || !['InitProducerId', 'EndTxn', ...writes].includes(api)) return
    const transactionalId = idOf(api, body)
    const codes = codesOf(api, answer)
    if (codes.some((code) => fencedCodes.includes(code))) {
      this.#isFenced = true
      this.#mayInitialise.clear()
      this.#initialised.clear()
    } else if (codes.includes(errorCode.NONE) && transactionalId !== null) {
      if (api === 'EndTxn') this.#undecided.delete(transactionalId)
      if (api === 'InitProducerId') this.#hasEpoch(transactionalId)
    }
  }

  #joining({ protocols }: RequestOf<'JoinGroup'>): void {
    this.#hasStarted = true
    this.#ownIds = protocols.flatMap(({ metadata }) => decodeSubscription(metadata).transactionalIds)
    const missing = this.#ownIds.filter((id) => !this.#initialised.has(id))
    if (missing.length > 0 && !this.#isFenced) this.#breach(`joins without having initialised ${missing.join(', ')} (P6)`)
  }

  #initialising(purpose: string, { transactionalId, producerId = -1 }: RequestOf<'InitProducerId'>): void {
    if (producerId >= 0 || transactionalId === null) return
    if (purpose === 'recovery') return this.#fencing(transactionalId)
    if (this.#hasStarted && !this.#mayInitialise.has(transactionalId))
      this.#breach('InitProducerId(−1) of a running process that was not fenced, or has not asked whether it may live (P4)')
  }

  #hasEpoch(id: string): void {
    this.#undecided.delete(id)
    this.#mayInitialise.delete(id)
    this.#initialised.add(id)
    if (this.#ownIds.every((own) => this.#initialised.has(own))) this.#isFenced = false
  }

  /** P6: one transaction at a time, and no id alone once one of them was fenced. */
  #writing(id: string | null): void {
    if (id === null) return
    const others = this.#ownIds.filter((own) => own !== id)
    const open = others.filter((other) => this.#undecided.has(other))
    if (open.length > 0) this.#breach(`writes under ${id} before the transaction of ${open.join(', ')} is decided (P6)`)
    const left = this.#initialised.has(id) ? others.filter((other) => !this.#initialised.has(other)) : []
    if (left.length > 0) this.#breach(`writes under ${id}, which was initialised without ${left.join(', ')} (P6)`)
    this.#undecided.add(id)
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

/** What begins a transaction, or goes on in one. */
const writes: readonly Api[] = ['Produce', 'TxnOffsetCommit', 'AddPartitionsToTxn', 'AddOffsetsToTxn']

function idOf(api: Api, body: unknown): string | null {
  if (api === 'AddPartitionsToTxn') return (body as RequestOf<'AddPartitionsToTxn'>).v3AndBelowTransactionalId
  return (body as RequestOf<'Produce'>).transactionalId ?? null
}

function codesOf(api: Api, answer: unknown): readonly number[] {
  if (api === 'AddPartitionsToTxn') {
    const { resultsByTopicV3AndBelow: topics } = answer as AnswerOf<'AddPartitionsToTxn'>
    return topics.flatMap((topic) => topic.resultsByPartition.map((one) => one.partitionErrorCode))
  }
  if (api === 'Produce')
    return (answer as AnswerOf<'Produce'>).responses.flatMap((topic) => topic.partitionResponses.map((one) => one.errorCode))
  if (api === 'TxnOffsetCommit')
    return (answer as AnswerOf<'TxnOffsetCommit'>).topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode))
  return [(answer as { readonly errorCode: number }).errorCode]
}
