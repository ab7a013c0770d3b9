/** Sends finished record batches to the leaders of their partitions: cut into requests, in order, the same bytes until answered. */
import { errorOf, verdictError } from '../commit/verdict-errors.ts'
import { isRetry, verdictOf } from '../commit/verdicts.ts'
import { ConnectionError, FatalError } from '../errors.ts'
import { Again, type RetryLimits, retry } from '../retry.ts'
import { allEnded } from './all-ended.ts'
import { type Cluster, kafkaError } from './cluster.ts'
import { byTopic, partitionKey } from './partition-key.ts'
import { errorCode } from './wire/error-codes.ts'
import type { NodeId } from './wire/wire.ts'

export interface FinishedBatch {
  /** Where its result goes. */
  readonly index: number
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
}

/** Where a batch is in its partition. */
export interface SentBatch {
  /** −1 for a batch that the broker already had. */
  readonly baseOffset: number
  /** The epoch in which it was sent to the leader, which took it in this one or in a later one. */
  readonly leaderEpoch: number
}

interface LocatedBatch extends FinishedBatch {
  readonly leaderEpoch: number
}

export interface ProduceOptions {
  readonly cluster: Cluster
  readonly transactionalId: string
  /** How long the broker may wait for its replicas, and we for the broker. */
  readonly timeoutMs: number
  /** Called before each request. */
  readonly guard: () => void
  readonly limits: RetryLimits
  readonly requestBytesMax?: number
  /** No version of Produce above this one. */
  readonly versionMax?: number | undefined
}

/** Below socket.request.max.bytes of every broker, and small enough for one request not to stand in the way of others for long. */
const requestBytesMaxDefault = 8 * 1024 * 1024
const purpose = 'produce'

/**
 * What became of them, by index of batch.
 * Resolves or rejects only when no request is under way any more, so that an abort never meets a late Produce of its own.
 * @throws RetakeError, FencedError, FatalError, LostError (from the guard).
 */
export async function sendBatches(
  batches: readonly FinishedBatch[],
  options: ProduceOptions,
): Promise<ReadonlyMap<number, SentBatch>> {
  const sent = new Map<number, SentBatch>()
  const byLeader = await groupByLeader(batches, options.cluster)
  const sending = [...byLeader].map(async ([node, ofNode]) => {
    for (const request of requestsOf(ofNode, options.requestBytesMax ?? requestBytesMaxDefault)) {
      await sendRequest(node, request, options, sent)
    }
  })
  await allEnded(sending)
  return sent
}

/** Cuts batches into requests: one batch a partition and request, each partition's batches in order, few bytes too many at most. */
export function requestsOf<B extends FinishedBatch>(batches: readonly B[], bytesMax: number): B[][] {
  const requests: B[][] = []
  let rest = batches
  while (rest.length > 0) {
    const request: B[] = []
    const later: B[] = []
    const seen = new Set<string>()
    let bytes = 0
    for (const batch of rest) {
      const key = partitionKey(batch.topic, batch.partition)
      const fits = request.length === 0 || bytes + batch.bytes.length <= bytesMax
      // A partition with a batch left over must not be overtaken by its own next one.
      if (seen.has(key) || !fits) later.push(batch)
      else {
        request.push(batch)
        bytes += batch.bytes.length
      }
      seen.add(key)
    }
    requests.push(request)
    rest = later
  }
  return requests
}

async function groupByLeader(batches: readonly FinishedBatch[], cluster: Cluster): Promise<ReadonlyMap<NodeId, LocatedBatch[]>> {
  const byLeader = new Map<NodeId, LocatedBatch[]>()
  for (const batch of batches) {
    const { topic, partition } = batch
    try {
      const { node, epoch: leaderEpoch } = await cluster.leader(topic, partition)
      const list = byLeader.get(node)
      if (list) list.push({ ...batch, leaderEpoch })
      else byLeader.set(node, [{ ...batch, leaderEpoch }])
    } catch (error) {
      throw verdictError('Produce', error, { topic, partition })
    }
  }
  return byLeader
}

/** P5: what the broker could not take yet is sent again, the same bytes, until the limits are over; then the transaction is dead. */
async function sendRequest(
  node: NodeId,
  request: readonly LocatedBatch[],
  options: ProduceOptions,
  sent: Map<number, SentBatch>,
): Promise<void> {
  let pending = request
  const again = async (): Promise<undefined | Again> => {
    options.guard()
    const left = await sendOnce(node, pending, options, sent)
    pending = left.batches
    return left.batches.length === 0
      ? undefined
      : new Again(kafkaError('Produce', left.code, left.batches[0] && placeOf(left.batches[0])))
  }
  try {
    await retry(options.cluster.clock, options.limits, again)
  } catch (error) {
    if (error instanceof ConnectionError) options.cluster.invalidate()
    throw verdictError('Produce', error, pending[0] ? placeOf(pending[0]) : {})
  }
}

async function sendOnce(
  node: NodeId,
  batches: readonly LocatedBatch[],
  { cluster, transactionalId, timeoutMs, versionMax }: ProduceOptions,
  sent: Map<number, SentBatch>,
): Promise<{ readonly batches: readonly LocatedBatch[]; readonly code: number }> {
  const topicData = byTopic(batches, (batch) => ({ index: batch.partition, records: batch.bytes }))
  const body = {
    transactionalId,
    acks: -1,
    timeoutMs,
    topicData: topicData.map(({ name, partitions }) => ({ name, partitionData: partitions })),
  }
  const answer = await cluster.wire.request(node, purpose, 'Produce', body, { timeoutMs, versionMax })
  const results = new Map(
    answer.responses.flatMap((topic) =>
      topic.partitionResponses.map((result) => [partitionKey(topic.name, result.index), result] as const),
    ),
  )
  const left: LocatedBatch[] = []
  let code: number = errorCode.NONE
  for (const batch of batches) {
    const result = results.get(partitionKey(batch.topic, batch.partition))
    if (result === undefined)
      throw new FatalError('The broker answered a Produce without naming one of its partitions', { fields: placeOf(batch) })
    const { leaderEpoch } = batch
    if (result.errorCode === errorCode.NONE) sent.set(batch.index, { baseOffset: result.baseOffset, leaderEpoch })
    else if (result.errorCode === errorCode.DUPLICATE_SEQUENCE_NUMBER) sent.set(batch.index, { baseOffset: -1, leaderEpoch })
    else if (isRetry(verdictOf('Produce', result.errorCode))) {
      left.push(batch)
      code = result.errorCode
    } else {
      cluster.invalidate(batch.topic)
      throw errorOf('Produce', result.errorCode, placeOf(batch))
    }
  }
  return { batches: left, code }
}

const placeOf = ({ topic, partition }: FinishedBatch) => ({ topic, partition })
