/** The long poll at one broker: two lanes, so that a partition that joins, or has room again, never waits for the poll that is out. */
import { errorOf } from '../commit/verdict-errors.ts'
import { verdictOf } from '../commit/verdicts.ts'
import type { Clock } from '../clock.ts'
import { CaudalError, ConnectionError, FatalError } from '../errors.ts'
import type { FetchingFeed } from './feed.ts'
import { byTopic, partitionKey } from './partition-key.ts'
import { decodeRecords } from './records/decode-records.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf } from './wire/messages.ts'
import type { NodeId, Wire } from './wire/wire.ts'

export interface PollOptions {
  readonly wire: Wire
  readonly clock: Clock
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly maxWaitMs: number
  readonly partitionBytesMax: number
  readonly purpose: string
}

/** The fetcher, as its polls see it. */
export interface PollOwner {
  isClosed(): boolean
  /** A partition that has this much in front of its reader is left out of requests. */
  shareBytes(): number
  /** Room in the whole read-ahead. */
  roomBytes(): number
  /** Something new can be read, or a feed has failed. */
  arrived(): void
  /** The leader has moved, or is not to be reached: the feed left this poll. */
  reroute(feed: FetchingFeed): void
  /** The position was refused: the feed left this poll. */
  outOfRange(feed: FetchingFeed): void
}

/** An answer takes no longer than the wait that was asked for and this. */
const answerWithinMs = 30_000

/** How many answers in a row may reach behind the end that they announce. */
const beyondEndMax = 20

/**
 * The main lane asks for every partition that is not under way, and the broker holds the request for `maxWaitMs`. The side lane
 * asks, on a connection of its own, for those that came since, until the main lane's answer is due, which then takes them over.
 */
type Lane = 'main' | 'side'

export class BrokerPoll {
  readonly #node: NodeId
  readonly #options: PollOptions
  readonly #owner: PollOwner
  readonly #feeds = new Set<FetchingFeed>()
  readonly #parked: Partial<Record<Lane, () => void>> = {}
  #mainInFlight = false
  #mainDue = 0

  constructor(node: NodeId, options: PollOptions, owner: PollOwner) {
    this.#node = node
    this.#options = options
    this.#owner = owner
    void this.#run('main')
    void this.#run('side')
  }

  add(feed: FetchingFeed): void {
    this.#feeds.add(feed)
    this.wake()
  }

  delete(feed: FetchingFeed): void {
    this.#feeds.delete(feed)
  }

  /** A feed came, or has room again, or all is over. */
  wake(): void {
    this.#parked.main?.()
    this.#parked.side?.()
  }

  /** Never rejects. The next request is out before the reader hears of the last answer, so that the broker works while we do. */
  async #run(lane: Lane): Promise<void> {
    let isNews = false
    let isIdle = false
    while (!this.#owner.isClosed()) {
      const feeds: readonly FetchingFeed[] = isIdle ? [] : this.#take(lane)
      const request = feeds.length > 0 ? this.#fetch(lane, feeds) : this.#park(lane)
      if (isNews) this.#owner.arrived()
      isNews = await request
      // An empty answer on the side means that the main lane's is due as well: it takes these partitions along.
      isIdle = lane === 'side' && feeds.length > 0 && !isNews
      // Unless it came first, found nothing to ask for, and waits for these.
      if (lane === 'side') this.#parked.main?.()
    }
  }

  #park(lane: Lane): Promise<false> {
    return new Promise((resolve) => {
      this.#parked[lane] = () => {
        delete this.#parked[lane]
        resolve(false)
      }
    })
  }

  #take(lane: Lane): FetchingFeed[] {
    if (lane === 'side' && !this.#mainInFlight) return []
    const share = this.#owner.shareBytes()
    const feeds: FetchingFeed[] = []
    for (const feed of this.#feeds) if (!feed.inFlight && feed.bufferedBytes < share) feeds.push(feed)
    return feeds
  }

  /** Resolves with whether there is something new. */
  async #fetch(lane: Lane, feeds: readonly FetchingFeed[]): Promise<boolean> {
    const { wire, clock, maxWaitMs, purpose } = this.#options
    const waitMs = lane === 'main' ? maxWaitMs : Math.max(0, Math.ceil(this.#mainDue - clock.monotonic()))
    for (const feed of feeds) feed.inFlight = true
    if (lane === 'main') {
      this.#mainInFlight = true
      this.#mainDue = clock.monotonic() + maxWaitMs
    }
    try {
      const connection = lane === 'main' ? purpose : `${purpose}-side`
      const answer = await wire.request(this.#node, connection, 'Fetch', this.#body(feeds, waitMs), {
        timeoutMs: waitMs + answerWithinMs,
      })
      return this.#owner.isClosed() ? false : this.#absorb(answer, feeds)
    } catch (error) {
      for (const feed of feeds) this.#leave(feed, error)
      return !(error instanceof ConnectionError)
    } finally {
      for (const feed of feeds) feed.inFlight = false
      if (lane === 'main') this.#mainInFlight = false
    }
  }

  #body(feeds: readonly FetchingFeed[], waitMs: number) {
    const { isolation, partitionBytesMax } = this.#options
    const topics = byTopic(feeds, ({ partition, position, leaderEpoch }) => ({
      partition,
      fetchOffset: position,
      currentLeaderEpoch: leaderEpoch,
      partitionMaxBytes: partitionBytesMax,
    }))
    return {
      maxWaitMs: waitMs,
      minBytes: 1,
      maxBytes: Math.max(partitionBytesMax, this.#owner.roomBytes()),
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      topics: topics.map(({ name, partitions }) => ({ topic: name, partitions })),
      forgottenTopicsData: [],
    }
  }

  #absorb(answer: AnswerOf<'Fetch'>, feeds: readonly FetchingFeed[]): boolean {
    if (answer.errorCode !== errorCode.NONE) {
      for (const feed of feeds) this.#leave(feed, null)
      return false
    }
    const asked = new Map(feeds.map((feed) => [partitionKey(feed.topic, feed.partition), feed]))
    let isNews = false
    for (const topic of answer.responses) {
      for (const partition of topic.partitions) {
        const feed = asked.get(partitionKey(topic.topic, partition.partitionIndex))
        // A feed that was removed while the request was out: what it got is nobody's.
        if (feed && !feed.removed && this.#absorbPartition(feed, partition)) isNews = true
      }
    }
    return isNews
  }

  #absorbPartition(feed: FetchingFeed, answer: AnswerOf<'Fetch'>['responses'][number]['partitions'][number]): boolean {
    if (answer.errorCode !== errorCode.NONE) return this.#refused(feed, answer.errorCode)
    feed.detours = 0
    feed.answeredAt = this.#options.clock.monotonic()
    feed.highWatermark = answer.highWatermark
    feed.lastStableOffset = answer.lastStableOffset
    const { records } = answer
    if (records === null || records.length === 0) return false
    const aborted = this.#options.isolation === 'read_committed' ? (answer.abortedTransactions ?? []) : null
    try {
      const { columns, nextOffset } = decodeRecords(records, 0, records.length, feed.position, aborted)
      if (nextOffset <= feed.position || this.#isBeyondEnd(feed, nextOffset)) return false
      feed.push({ columns, nextOffset, byteLength: records.length })
    } catch (error) {
      const { topic, partition, position } = feed
      feed.error = new FatalError(
        `Records of ${topic}, partition ${partition}, fetched from offset ${position}, can't be decoded: ${messageOf(error)}`,
        {
          cause: error,
          fields: { topic, partition, offset: position },
        },
      )
      this.#feeds.delete(feed)
      return true
    }
    // Brokers fill an answer in the order of the request: who got something goes to the end of the next one.
    if (this.#feeds.delete(feed)) this.#feeds.add(feed)
    return true
  }

  /**
   * No checksum covers the offset of a batch, so that one behind the end of the log is not believed. The broker reads the end that it
   * announces before the records, so a batch may have come in between: then it is there when it is asked for again. @throws Error where
   * it was asked for again often enough
   */
  #isBeyondEnd(feed: FetchingFeed, nextOffset: number): boolean {
    if (feed.highWatermark < 0 || nextOffset <= feed.highWatermark) {
      feed.beyondEnd = 0
      return false
    }
    feed.beyondEnd += 1
    if (feed.beyondEnd < beyondEndMax) return true
    throw new Error(`they reach to offset ${nextOffset - 1}, and the log ends before ${feed.highWatermark}`)
  }

  #refused(feed: FetchingFeed, code: number): boolean {
    if (code === errorCode.OFFSET_OUT_OF_RANGE) {
      this.#feeds.delete(feed)
      this.#owner.outOfRange(feed)
      return false
    }
    if (verdictOf('Fetch', code) !== 'fatal') {
      this.#leave(feed, null)
      return false
    }
    this.#leave(feed, errorOf('Fetch', code, { topic: feed.topic, partition: feed.partition, offset: feed.position }))
    return true
  }

  /** Without an answer, or with one that says "not here", the feed looks for its leader; any other error ends it. */
  #leave(feed: FetchingFeed, error: unknown): void {
    if (!this.#feeds.delete(feed)) return
    if (error === null || error instanceof ConnectionError) this.#owner.reroute(feed)
    else
      feed.error = error instanceof CaudalError ? error : new FatalError(`Fetching failed: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
