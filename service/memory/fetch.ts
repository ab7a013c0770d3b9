/** Fetch: reads batches of many partitions, or waits for them. */
import type { Clock } from '../clock.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Topics } from './topics.ts'

type FetchedPartition = AnswerOf<'Fetch'>['responses'][number]['partitions'][number]
type AskedPartition = RequestOf<'Fetch'>['topics'][number]['partitions'][number]

export interface FetchContext {
  readonly clock: Clock
  readonly topics: Topics
}

/** Answers at once if there is enough to read, or an error; otherwise when there is, at the latest after `maxWaitMs`, or when nobody waits. */
export function fetch(
  context: FetchContext,
  node: number,
  request: RequestOf<'Fetch'>,
  gone: AbortSignal,
): Promise<AnswerOf<'Fetch'>> | AnswerOf<'Fetch'> {
  if (request.maxWaitMs <= 0 || isReady(context, node, request)) return read(context, node, request)
  const over = new AbortController()
  const { promise, resolve } = Promise.withResolvers<AnswerOf<'Fetch'>>()
  const answer = () => {
    if (over.signal.aborted) return
    over.abort(over)
    gone.removeEventListener('abort', answer)
    for (const unwatch of unwatchers) unwatch()
    resolve(read(context, node, request))
  }
  const unwatchers = logsOf(context, request).map((log) =>
    log.watch(() => {
      if (isReady(context, node, request)) answer()
    }),
  )
  gone.addEventListener('abort', answer)
  void context.clock.sleep(request.maxWaitMs, over.signal).then(answer)
  return promise
}

function isReady(context: FetchContext, node: number, request: RequestOf<'Fetch'>): boolean {
  let bytes = 0
  for (const { topic, partitions } of request.topics) {
    for (const asked of partitions) {
      const log = readableLog(context, node, topic, asked)
      if (typeof log === 'number') return true
      const enough = Math.min(asked.partitionMaxBytes, request.minBytes)
      bytes += Math.min(log.readableBytes(asked.fetchOffset, request.isolationLevel === 1, enough), asked.partitionMaxBytes)
    }
  }
  return bytes >= request.minBytes
}

function read(context: FetchContext, node: number, request: RequestOf<'Fetch'>): AnswerOf<'Fetch'> {
  let room = request.maxBytes ?? 0x7fffffff
  let isEmpty = true
  const responses = request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((asked) => {
      const log = readableLog(context, node, topic, asked)
      if (typeof log === 'number') return unreadable(asked.partition, log)
      const committed = request.isolationLevel === 1
      const bytesMax = Math.min(asked.partitionMaxBytes, Math.max(0, room))
      // The first batch of an answer is never held back by limits: a reader always gets on.
      const { records, aborted } = log.read({ offset: asked.fetchOffset, committed, bytesMax, atLeastOne: isEmpty })
      room -= records.length
      if (records.length > 0) isEmpty = false
      return {
        ...unreadable(asked.partition, errorCode.NONE),
        highWatermark: log.endOffset,
        lastStableOffset: log.lastStableOffset,
        logStartOffset: log.startOffset,
        abortedTransactions: committed ? aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset })) : null,
        records,
      }
    }),
  }))
  return { throttleTimeMs: 0, errorCode: errorCode.NONE, sessionId: 0, responses }
}

/** The log to read from, or the error that the partition gets. */
function readableLog({ topics }: FetchContext, node: number, topic: string, asked: AskedPartition): PartitionLog | number {
  const log = topics.leaderLog(node, topic, asked.partition)
  if (typeof log === 'number') return log
  const flaw = epochFlaw(log, asked.currentLeaderEpoch)
  if (flaw !== errorCode.NONE) return flaw
  return asked.fetchOffset < log.startOffset || asked.fetchOffset > log.endOffset ? errorCode.OFFSET_OUT_OF_RANGE : log
}

/** The error of a request that knows another leader epoch; -1 knows none. */
export function epochFlaw(log: PartitionLog, known: number | undefined): number {
  if (known === undefined || known < 0 || known === log.leaderEpoch) return errorCode.NONE
  return known < log.leaderEpoch ? errorCode.FENCED_LEADER_EPOCH : errorCode.UNKNOWN_LEADER_EPOCH
}

function logsOf({ topics }: FetchContext, request: RequestOf<'Fetch'>): PartitionLog[] {
  const logs = request.topics.flatMap(({ topic, partitions }) => partitions.map((asked) => topics.log(topic, asked.partition)))
  return logs.filter((log) => log !== undefined)
}

function unreadable(partitionIndex: number, code: number): FetchedPartition {
  return {
    partitionIndex,
    errorCode: code,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1, epoch: -1 },
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: Buffer.alloc(0),
  }
}
