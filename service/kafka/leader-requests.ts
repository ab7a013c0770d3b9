/** Requests about partitions, sent to whoever leads each, and repeated for those whose leader has moved. */
import { errorOf } from '../commit/verdict-errors.ts'
import { isRetry, type RequestKind, verdictOf } from '../commit/verdicts.ts'
import { type CaudalError, ConnectionError, KafkaError } from '../errors.ts'
import { Again, type RetryLimits, retry } from '../retry.ts'
import { type Cluster, kafkaError } from './cluster.ts'
import { partitionKey, type TopicPartition } from './partition-key.ts'
import { errorCode } from './wire/error-codes.ts'
import type { NodeId } from './wire/wire.ts'

/** How long a question may be repeated, and who wants to know of each attempt. */
export type AskLimits = Partial<RetryLimits>

/** Long enough for a coordinator or a leader to move. */
export const askWithinMs = 30_000

export interface LeaderAnswer<R> {
  readonly code: number
  readonly result: R
}

export interface LeaderRequest<T extends TopicPartition, R> {
  readonly kind: RequestKind & ('ListOffsets' | 'OffsetForLeaderEpoch' | 'DescribeProducers' | 'DeleteRecords')
  readonly items: readonly T[]
  /** One request to one leader; answers by partitionKey. A partition without an answer is asked for again. */
  readonly send: (
    node: NodeId,
    items: readonly (T & { readonly leaderEpoch: number })[],
  ) => Promise<ReadonlyMap<string, LeaderAnswer<R>>>
  readonly limits: AskLimits | undefined
}

/** Results by partitionKey. @throws FatalError for a code that says so; the last error seen when the time is up. */
export async function askLeaders<T extends TopicPartition, R>(
  cluster: Cluster,
  request: LeaderRequest<T, R>,
): Promise<ReadonlyMap<string, R>> {
  const results = new Map<string, R>()
  let pending = request.items
  await retry(cluster.clock, { withinMs: askWithinMs, ...request.limits }, async () => {
    const left: T[] = []
    let last: CaudalError | null = null
    const again = (items: readonly T[], error: CaudalError) => {
      for (const { topic } of items) cluster.invalidate(topic)
      left.push(...items)
      last = error
    }
    const byLeader = await groupByLeader(cluster, pending, again)
    for (const [node, items] of byLeader) await askOne(node, items, request, results, again)
    pending = left
    return last === null ? undefined : new Again(last)
  })
  return results
}

type AskAgain<T> = (items: readonly T[], error: CaudalError) => void

async function groupByLeader<T extends TopicPartition>(cluster: Cluster, items: readonly T[], again: AskAgain<T>) {
  const byLeader = new Map<NodeId, (T & { readonly leaderEpoch: number })[]>()
  for (const item of items) {
    try {
      const { node, epoch } = await cluster.leader(item.topic, item.partition)
      const located = { ...item, leaderEpoch: epoch }
      const list = byLeader.get(node)
      if (list) list.push(located)
      else byLeader.set(node, [located])
    } catch (error) {
      if (error instanceof ConnectionError) again([item], error)
      else if (error instanceof KafkaError && isRetry(verdictOf('Metadata', error.errorCode))) again([item], error)
      else if (error instanceof KafkaError) throw errorOf('Metadata', error.errorCode, { topic: item.topic })
      else throw error
    }
  }
  return byLeader
}

async function askOne<T extends TopicPartition, R>(
  node: NodeId,
  items: readonly (T & { readonly leaderEpoch: number })[],
  { kind, send }: LeaderRequest<T, R>,
  results: Map<string, R>,
  again: AskAgain<T>,
): Promise<void> {
  let answers: ReadonlyMap<string, LeaderAnswer<R>>
  try {
    answers = await send(node, items)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return again(items, error)
  }
  for (const item of items) {
    const { topic, partition } = item
    const answer = answers.get(partitionKey(topic, partition))
    const code = answer?.code ?? errorCode.UNKNOWN_SERVER_ERROR
    if (answer && code === errorCode.NONE) results.set(partitionKey(topic, partition), answer.result)
    else if (isRetry(verdictOf(kind, code))) again([item], kafkaError(kind, code, { topic, partition }))
    else throw errorOf(kind, code, { topic, partition })
  }
}
