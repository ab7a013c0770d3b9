/** Finds the open transactions behind which a partition's readers wait, and ends those of dead writers (P9). */
import { errorOf } from '../commit/verdict-errors.ts'
import { isRetry, verdictOf } from '../commit/verdicts.ts'
import { ConnectionError } from '../errors.ts'
import { Again, retry } from '../retry.ts'
import { type Cluster, kafkaError } from './cluster.ts'
import { type AskLimits, askLeaders, askWithinMs } from './leader-requests.ts'
import { byTopic, partitionKey, type TopicPartition } from './partition-key.ts'
import { initProducerId, nobody } from './transaction-requests.ts'
import { errorCode } from './wire/error-codes.ts'
import type { NodeId } from './wire/wire.ts'

/** Ongoing ones may be fenced, as P9 says; prepared ones end by themselves; one that no coordinator knows (null) hangs until a person ends it. */
export interface OpenTransaction {
  readonly transactionalId: string | null
  readonly state: 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'unknown'
  readonly producerId: number
}

const purpose = 'recovery'
const openStates: readonly string[] = ['Ongoing', 'PrepareCommit', 'PrepareAbort'] satisfies OpenTransaction['state'][]

/** A producer with a transaction that is undecided on a partition, from this offset on. */
interface OpenProducer {
  readonly producerId: number
  readonly startOffset: number
}

/** The transactions that are undecided on a partition: DescribeProducers of its leader, ListTransactions of every broker. */
export async function openTransactions(
  cluster: Cluster,
  topic: string,
  partition: number,
  limits?: AskLimits,
): Promise<OpenTransaction[]> {
  const producers = await openProducers(cluster, topic, partition, limits)
  if (producers.length === 0) return []
  const producerIds = producers.map(({ producerId }) => producerId)
  const found: OpenTransaction[] = []
  for (const node of await cluster.brokers()) found.push(...(await listTransactions(cluster, node, producerIds, limits)))
  // One may have ended between the two questions, and its producer may be in another one, elsewhere.
  const still = await openProducers(cluster, topic, partition, limits)
  const open = producers.filter((one) =>
    still.some(({ producerId, startOffset }) => producerId === one.producerId && startOffset === one.startOffset),
  )
  return open.flatMap(({ producerId }) => {
    const listed = found.filter((one) => one.producerId === producerId)
    return listed.length > 0 ? listed : [{ transactionalId: null, state: 'unknown', producerId } as const]
  })
}

export interface FenceLimits extends AskLimits {
  /** Called before each request: throws where the writer is not to be fenced any more. */
  readonly guard?: () => void
}

/** InitProducerId(−1) on somebody else's transactional id: its transaction is aborted, its producer fenced, when this resolves. */
export async function fenceTransaction(
  cluster: Cluster,
  transactionalId: string,
  { guard = () => {}, ...limits }: FenceLimits = {},
): Promise<void> {
  // CONCURRENT_TRANSACTIONS until the abort's markers are written: milliseconds.
  const patience = { withinMs: askWithinMs, firstPauseMs: 5, pauseMsMax: 50, ...limits }
  await initProducerId(cluster, { transactionalId, timeoutMs: 10_000, expected: nobody, limits: patience, purpose, guard })
}

/** The partition of `__consumer_offsets` that holds the group's offsets: where a transaction hangs if they are unstable. */
export async function groupOffsetsPartition(cluster: Cluster, group: string): Promise<TopicPartition> {
  const topic = '__consumer_offsets'
  const found = (await cluster.topics([topic])).get(topic)
  if (found === undefined) throw kafkaError('Metadata', errorCode.UNKNOWN_TOPIC_OR_PARTITION, { topic })
  return { topic, partition: positiveHash(group) % found.partitions.length }
}

/** The absolute value of Java's String.hashCode, 0 for the least integer: how the broker places groups (Utils.abs). */
export function positiveHash(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0
  return hash === -0x80000000 ? 0 : Math.abs(hash)
}

async function openProducers(
  cluster: Cluster,
  topic: string,
  partition: number,
  limits?: AskLimits,
): Promise<readonly OpenProducer[]> {
  const answers = await askLeaders<TopicPartition, readonly OpenProducer[]>(cluster, {
    kind: 'DescribeProducers',
    items: [{ topic, partition }],
    limits,
    send: async (node, items) => {
      const topics = byTopic(items, (item) => item.partition).map(({ name, partitions }) => ({
        name,
        partitionIndexes: partitions,
      }))
      const answer = await cluster.wire.request(node, purpose, 'DescribeProducers', { topics })
      return new Map(
        answer.topics.flatMap((found) =>
          found.partitions.map((one) => {
            const open = one.activeProducers.filter((producer) => producer.currentTxnStartOffset >= 0)
            return [
              partitionKey(found.name, one.partitionIndex),
              {
                code: one.errorCode,
                result: open.map(({ producerId, currentTxnStartOffset: startOffset }) => ({ producerId, startOffset })),
              },
            ] as const
          }),
        ),
      )
    },
  })
  return answers.get(partitionKey(topic, partition)) ?? []
}

function listTransactions(
  cluster: Cluster,
  node: NodeId,
  producerIds: readonly number[],
  limits?: AskLimits,
): Promise<OpenTransaction[]> {
  return retry(cluster.clock, { withinMs: askWithinMs, ...limits }, async () => {
    try {
      const answer = await cluster.wire.request(node, purpose, 'ListTransactions', {
        stateFilters: [...openStates],
        producerIdFilters: producerIds,
      })
      if (answer.errorCode === errorCode.NONE) return answer.transactionStates.flatMap(openTransaction)
      if (isRetry(verdictOf('ListTransactions', answer.errorCode)))
        return new Again(kafkaError('ListTransactions', answer.errorCode, { node }))
      throw errorOf('ListTransactions', answer.errorCode, { node })
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      // A broker that is gone coordinates nothing: whoever took over is asked as well, now or at the next look.
      if (!(await isAlive(cluster, node))) return []
      return new Again(error)
    }
  })
}

async function isAlive(cluster: Cluster, node: NodeId): Promise<boolean> {
  try {
    return (await cluster.brokers()).includes(node)
  } catch (error) {
    if (error instanceof ConnectionError) return true
    throw error
  }
}

function openTransaction(found: {
  readonly transactionalId: string
  readonly producerId: number
  readonly transactionState: string
}): OpenTransaction[] {
  const { transactionalId, producerId, transactionState: state } = found
  return state === 'Ongoing' || state === 'PrepareCommit' || state === 'PrepareAbort'
    ? [{ transactionalId, state, producerId }]
    : []
}
