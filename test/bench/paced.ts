/** A steady stream of small events that carry the time at which they were sent, and a reader that sees when they come out again. */
import { systemClock } from '../../service/clock.ts'
import { Fetcher } from '../../service/kafka/fetcher.ts'
import { byTopic } from '../../service/kafka/partition-key.ts'
import { partitionForKey } from '../../service/kafka/records/murmur2.ts'
import { outsideTransactions, RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'
import type { BenchCluster, Ends } from './bench-cluster.ts'
import { partitions } from './input.ts'

export interface TimedEvent {
  /** Of this process' monotonic clock, ms: when the event was handed to the producer. */
  readonly sent: number
  readonly padding: string
}

/** An event as it came out. */
export interface SeenEvent {
  readonly partition: number
  readonly sent: number
  /** When the reader had it, of the same clock. */
  readonly seen: number
  /** The process that wrote it, where the topology says so. */
  readonly process?: number
}

const tickMs = 5
/** Of one request, so that what has piled up behind a busy machine fits into it. */
const eventsMax = 4_000
const users = Array.from({ length: 400 }, (_, i) => `user-${i}`)
const userOf = (n: number): string => users[n % users.length] ?? ''
export const padding = '.'.repeat(190)

export interface Pace {
  readonly perSecond: number
  /** The key of the n-th event; default 400 in turn. */
  readonly keyOf?: (n: number) => string
  readonly signal: AbortSignal
}

/** Appends `perSecond` events until `signal` is aborted. What the broker keeps waiting is not stamped before it is sent. */
export async function produceSteadily(
  { cluster, wire }: BenchCluster,
  topic: string,
  { perSecond, keyOf = userOf, signal }: Pace,
): Promise<void> {
  const { node } = await cluster.leader(topic, 0)
  let last = systemClock.monotonic()
  let owed = 0
  for (let n = 0; !signal.aborted; ) {
    await systemClock.sleep(tickMs, signal)
    const now = systemClock.monotonic()
    owed += ((now - last) * perSecond) / 1000
    last = now
    const builders = Array.from({ length: partitions }, () => new RecordBatchBuilder())
    for (const most = n + eventsMax; owed >= 1 && n < most; owed--, n++) {
      const key = keyOf(n)
      const event: TimedEvent = { sent: now, padding }
      builders[partitionForKey(Buffer.from(key), partitions)]?.append(key, JSON.stringify(event), Date.now())
    }
    const filled = builders.flatMap((builder, partition) =>
      builder.count > 0 ? [{ topic, partition, records: builder.finish(outsideTransactions) }] : [],
    )
    if (filled.length === 0) continue
    const topicData = byTopic(filled, ({ partition, records }) => ({ index: partition, records })).map((each) => ({
      name: each.name,
      partitionData: each.partitions,
    }))
    const answer = await wire.request(node, 'paced', 'Produce', { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData })
    const code = answer.responses.flatMap((each) => each.partitionResponses).find(({ errorCode }) => errorCode !== 0)?.errorCode
    if (code !== undefined) throw new Error(`Produce: error ${code}`)
  }
}

/** Reads committed records until `signal` is aborted; from the topic's begin, or from offsets that are given. */
export async function readSteadily(
  { cluster }: BenchCluster,
  topic: string,
  { see, from = [], signal }: { readonly see: (event: SeenEvent) => void; readonly from?: Ends; readonly signal: AbortSignal },
): Promise<void> {
  const limits = { maxWaitMs: 500, partitionBytesMax: 1 << 20, readAheadBytesMax: 16 << 20, purpose: `read-${topic}` }
  const fetcher = new Fetcher({ cluster, clock: systemClock, isolation: 'read_committed', ...limits })
  const feeds = Array.from({ length: partitions }, (_, partition) => fetcher.add(topic, partition, from[partition] ?? 0))
  while (!signal.aborted) {
    await fetcher.arrival(signal)
    const seen = systemClock.monotonic()
    for (const [partition, { chunks }] of feeds.entries()) {
      for (const { columns } of chunks.splice(0)) {
        for (let i = 0; i < columns.count; i++) {
          const event = JSON.parse((columns.value(i) ?? '').toString()) as Pick<SeenEvent, 'sent' | 'process'>
          see({ ...event, partition, seen })
        }
      }
    }
    for (const feed of feeds) feed.consumed(feed.bufferedBytes)
  }
  await fetcher.close()
}
