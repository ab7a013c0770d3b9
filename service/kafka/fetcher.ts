/** Fetches ahead from many partitions: one long poll a broker, decoded on arrival, bounded, following the leaders. */
import { errorOf } from '../commit/verdict-errors.ts'
import { isRetry, verdictOf } from '../commit/verdicts.ts'
import { CaudalError, ConnectionError, DeletedRecordsError, FatalError, KafkaError } from '../errors.ts'
import { pauseMs } from '../retry.ts'
import { BrokerPoll, type PollOptions, type PollOwner } from './broker-poll.ts'
import type { Cluster } from './cluster.ts'
import { type Feed, FetchingFeed, type OnDeleted } from './feed.ts'
import { listOffsets } from './offsets.ts'
import { partitionKey } from './partition-key.ts'
import type { NodeId } from './wire/wire.ts'

export type { Feed, FetchedChunk } from './feed.ts'

export interface FetcherOptions extends Omit<PollOptions, 'purpose' | 'wire'> {
  readonly cluster: Cluster
  /** All that stands in front of readers; each partition has an equal share of it. */
  readonly readAheadBytesMax: number
  /** The connection's name; a fetcher that must not wait for another has its own. Default `fetch`. */
  readonly purpose?: string
}

const deletedWithWayOut =
  "those records have been deleted, such as by the topic's retention. A source with onDeleted: 'earliest' goes on with what is left"

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #feeds = new Map<string, FetchingFeed>()
  readonly #polls = new Map<NodeId, BrokerPoll>()
  readonly #stop = new AbortController()
  readonly #owner: PollOwner
  #isNews = false
  readonly #waiting = new Set<() => void>()

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#owner = {
      isClosed: () => this.#stop.signal.aborted,
      shareBytes: () => this.#shareBytes(),
      roomBytes: () => this.#roomBytes(),
      arrived: () => this.#arrived(),
      reroute: (feed) => void this.#route(feed),
      outOfRange: (feed) => void this.#judgeOutOfRange(feed),
    }
  }

  /**
   * Begins to fetch a partition at `offset`, at once. What was deleted in front of its log's start is a fault of the feed, unless it is to go
   * on with the earliest. @throws FatalError when it is being fetched already.
   */
  add(topic: string, partition: number, offset: number, onDeleted: OnDeleted = 'stop'): Feed {
    const key = partitionKey(topic, partition)
    if (this.#feeds.has(key)) throw new FatalError(`${topic}, partition ${partition}, is being fetched already`)
    const feed = new FetchingFeed({ topic, partition, offset, onDeleted }, (freed) => {
      if (!freed.inFlight && freed.bufferedBytes < this.#shareBytes()) for (const poll of this.#polls.values()) poll.wake()
    })
    this.#feeds.set(key, feed)
    void this.#route(feed)
    return feed
  }

  /** Ends a feed at once: an answer that is still on its way is dropped. */
  remove(feed: Feed): void {
    const key = partitionKey(feed.topic, feed.partition)
    const found = this.#feeds.get(key)
    if (found !== feed || found === undefined) return
    this.#feeds.delete(key)
    found.removed = true
    for (const poll of this.#polls.values()) poll.delete(found)
  }

  /** Resolves when a chunk or an error came since the last call, or `signal` is aborted; never rejects. */
  async arrival(signal?: AbortSignal): Promise<void> {
    if (!this.#isNews && !signal?.aborted && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiting.delete(done)
          signal?.removeEventListener('abort', done)
          resolve()
        }
        this.#waiting.add(done)
        signal?.addEventListener('abort', done)
      })
    }
    this.#isNews = false
  }

  /** Stops fetching and wakes whoever waits. Answers that are still on their way are dropped. */
  close(): Promise<void> {
    this.#stop.abort()
    for (const feed of this.#feeds.values()) feed.removed = true
    this.#feeds.clear()
    for (const poll of this.#polls.values()) poll.wake()
    this.#arrived()
    return Promise.resolve()
  }

  #shareBytes(): number {
    return this.#options.readAheadBytesMax / Math.max(1, this.#feeds.size)
  }

  #roomBytes(): number {
    let buffered = 0
    for (const feed of this.#feeds.values()) buffered += feed.bufferedBytes
    return Math.max(0, Math.floor(this.#options.readAheadBytesMax - buffered))
  }

  #arrived(): void {
    this.#isNews = true
    for (const done of this.#waiting) done()
  }

  /** Finds the leader and hands the feed to the poll there; tries for as long as the feed is wanted. Never rejects. */
  async #route(feed: FetchingFeed): Promise<void> {
    const { cluster, clock } = this.#options
    // The first detour comes from a wrong guess about the leader, so that the guess goes before the look.
    if (feed.detours > 0 || feed.leaderEpoch >= 0) {
      cluster.invalidate(feed.topic)
      await clock.sleep(pauseMs(clock, feed.detours), this.#stop.signal)
    }
    while (!feed.removed) {
      feed.detours++
      try {
        const { node, epoch } = await cluster.leader(feed.topic, feed.partition)
        if (feed.removed) return
        feed.leaderEpoch = epoch
        this.#pollOf(node).add(feed)
        return
      } catch (error) {
        if (!isPassing(error)) return this.#fail(feed, error)
        await clock.sleep(pauseMs(clock, feed.detours), this.#stop.signal)
      }
    }
  }

  #pollOf(node: NodeId): BrokerPoll {
    const known = this.#polls.get(node)
    if (known) return known
    const { cluster, clock, isolation, maxWaitMs, partitionBytesMax, purpose = 'fetch' } = this.#options
    const { wire } = cluster
    const poll = new BrokerPoll(node, { wire, clock, isolation, maxWaitMs, partitionBytesMax, purpose }, this.#owner)
    this.#polls.set(node, poll)
    return poll
  }

  /** A position that really is outside of the log ends the feed, with the log's ends in the message; a leader that was behind does not. */
  async #judgeOutOfRange(feed: FetchingFeed): Promise<void> {
    const { topic, partition, position: offset } = feed
    try {
      const [start, end] = [await this.#endOfLog(feed, 'earliest'), await this.#endOfLog(feed, 'latest')]
      if (offset >= start && offset <= end) return await this.#route(feed)
      if (offset < start && feed.onDeleted === 'earliest') return await this.#skip(feed, start)
      const what = `${topic}, partition ${partition}: offset ${offset} is asked for, and the log has ${start} to ${end}`
      const fields = { topic, partition, offset, startOffset: start, endOffset: end }
      this.#fail(
        feed,
        offset < start
          ? new DeletedRecordsError(`${what}: ${deletedWithWayOut}.`, fields)
          : new FatalError(`${what}: the log has become shorter than it was.`, { fields }),
      )
    } catch (error) {
      if (isPassing(error)) return this.#route(feed)
      this.#fail(feed, error)
    }
  }

  async #skip(feed: FetchingFeed, start: number): Promise<void> {
    if (feed.removed) return
    feed.skipTo(start)
    this.#arrived()
    await this.#route(feed)
  }

  async #endOfLog({ topic, partition }: FetchingFeed, which: 'earliest' | 'latest'): Promise<number> {
    const limits = { signal: this.#stop.signal }
    const found = await listOffsets(this.#options.cluster, [{ topic, partition }], which, 'read_uncommitted', limits)
    return found.get(partitionKey(topic, partition))?.offset ?? -1
  }

  #fail(feed: FetchingFeed, error: unknown): void {
    if (feed.removed) return
    const { topic, partition } = feed
    if (error instanceof KafkaError) feed.error = errorOf('Metadata', error.errorCode, { topic, partition })
    else if (error instanceof CaudalError) feed.error = error
    else
      feed.error = new FatalError(`Fetching ${topic}, partition ${partition}: ${String(error)}`, {
        cause: error,
        fields: { topic, partition },
      })
    this.#arrived()
  }
}

/** Whether looking for the leader again may help. */
function isPassing(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof KafkaError && isRetry(verdictOf('Metadata', error.errorCode)))
}
