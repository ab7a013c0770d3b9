/** Tells which partitions bring no input though there is some: behind an open transaction of somebody's, or with no answer of a broker. */
import type { Clock } from '../clock.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Feed } from '../kafka/fetcher.ts'
import { openTransactions } from '../kafka/hanging-transactions.ts'
import { partitionKey } from '../kafka/partition-key.ts'
import type { TaskId } from '../task-id.ts'
import { ownersOf } from './held-back.ts'
import type { PossibleWait, Waits } from './waits.ts'

/** Transactions are open for shorter in the run of things, and a leader is found again sooner. */
const blockedAfterMs = 2000
const unansweredAfterMs = 10_000
/** While it stays open, the brokers are asked so often whose it is. */
const askEveryMs = 10_000
const askWithinMs = 5000
/** Where its end has come since. */
const some = 'an open transaction'

interface Watched {
  readonly why: 'open transaction' | 'no answer'
  readonly position: number
  /** Monotonic, ms. */
  readonly since: number
  readonly wait: PossibleWait
  askedAt: number
}

export interface BlockedFeedsParts {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly waits: Waits
  /** Ends the questions to the brokers. */
  readonly signal: AbortSignal
}

export interface FedTask {
  readonly id: TaskId
  readonly feeds: readonly Feed[]
}

export class BlockedFeeds {
  readonly #parts: BlockedFeedsParts
  readonly #watched = new Map<string, Watched>()
  #isAsking = false

  constructor(parts: BlockedFeedsParts) {
    this.#parts = parts
  }

  /** To be called about once a second, with all tasks that run. */
  look(tasks: readonly FedTask[]): void {
    const now = this.#parts.clock.monotonic()
    const seen = new Set<string>()
    for (const { id, feeds } of tasks) {
      for (const feed of feeds) {
        const why = whyBlocked(feed, now)
        if (why === null) continue
        const key = partitionKey(feed.topic, feed.partition)
        seen.add(key)
        this.#watch(key, { id, feed, why, now })
      }
    }
    for (const key of this.#watched.keys()) if (!seen.has(key)) this.#forget(key)
  }

  #watch(
    key: string,
    { id, feed, why, now }: { readonly id: TaskId; readonly feed: Feed; readonly why: Watched['why']; readonly now: number },
  ): void {
    const before = this.#watched.get(key)
    if (before?.why !== why || before.position !== feed.position) {
      this.#forget(key)
      const wait = this.#parts.waits.for(why === 'no answer' ? 'kafka' : 'transaction', id)
      this.#watched.set(key, { why, position: feed.position, since: now, wait, askedAt: Number.NEGATIVE_INFINITY })
      return
    }
    if (now - before.since < (why === 'no answer' ? unansweredAfterMs : blockedAfterMs)) return
    const { clock } = this.#parts
    const since = clock.now() - Math.round(now - before.since)
    if (why === 'no answer') {
      const detail = `${nameOf(feed)} brings nothing: no broker answers for it; look whether the partition has a leader`
      return before.wait.tell(detail, since)
    }
    if (before.askedAt === Number.NEGATIVE_INFINITY) before.wait.tell(blockedBy(feed, some), since)
    if (!this.#isAsking && now - before.askedAt >= askEveryMs) void this.#ask(feed, before)
  }

  #forget(key: string): void {
    this.#watched.get(key)?.wait.end()
    this.#watched.delete(key)
  }

  /** One question at a time, whatever is blocked. Never rejects. */
  async #ask(feed: Feed, watched: Watched): Promise<void> {
    const { cluster, clock, signal } = this.#parts
    this.#isAsking = true
    watched.askedAt = clock.monotonic()
    const limits = { withinMs: askWithinMs, signal }
    const by = await openTransactions(cluster, feed.topic, feed.partition, limits).then(
      (open) => (open.length === 0 ? some : ownersOf(open)),
      (error: unknown) =>
        `an open transaction; whose it is cannot be asked (${error instanceof Error ? error.message : String(error)})`,
    )
    this.#isAsking = false
    // It may have gone on meanwhile.
    if (this.#watched.get(partitionKey(feed.topic, feed.partition)) === watched) watched.wait.tell(blockedBy(feed, by))
  }
}

function whyBlocked({ chunks, position, lastStableOffset, highWatermark, bufferedBytes, answeredAt }: Feed, now: number) {
  if (chunks.length > 0) return null
  if (position === lastStableOffset && lastStableOffset < highWatermark) return 'open transaction'
  // A feed that waits for room is not asked for.
  return bufferedBytes === 0 && now - answeredAt >= unansweredAfterMs / 2 ? 'no answer' : null
}

const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) =>
  `${topic}, partition ${partition},`

const blockedBy = (feed: Feed, by: string): string =>
  `${nameOf(feed)} is blocked at the last stable offset ${feed.lastStableOffset} by ${by}`
