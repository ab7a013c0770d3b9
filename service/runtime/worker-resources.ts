/** What a worker holds over all its batches: connections, producer, cache, apply queue, tasks. */
import { ApplyQueue } from '../commit/apply-queue.ts'
import { type CaudalError, DeletedRecordsError, RetakeError } from '../errors.ts'
import { Cluster } from '../kafka/cluster.ts'
import { Fetcher } from '../kafka/fetcher.ts'
import { fetchStableOffsets, partitionKey } from '../kafka/offsets.ts'
import { AlternatingProducer, type Transactions } from '../kafka/alternating-producer.ts'
import { TransactionalProducer } from '../kafka/transactional-producer.ts'
import { OutputBuffer } from '../sink/output-buffer.ts'
import { PartitionWatch } from './partition-watch.ts'
import { PrintedRows } from './printed-rows.ts'
import { EntryCache } from '../state/entry-cache.ts'
import type { Batch } from './batch.ts'
import { BatchSize } from './batch-size.ts'
import { BlockedFeeds } from './blocked-feeds.ts'
import { confirmIdleStores } from './idle-stores.ts'
import { HeldWatermarks } from './held-watermarks.ts'
import { HeartbeatRequests } from './heartbeat-requests.ts'
import { type FrozenMembership, MembershipView } from './membership-view.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { TaskLife } from './task-life.ts'
import { TaskSet } from './task-set.ts'
import { StoreWaits } from './store-waits.ts'
import { TopicFacts } from './topic-facts.ts'
import { Waits } from './waits.ts'
import { WatchedWire } from './watched-wire.ts'
import { WorkerFigures } from './worker-figures.ts'
import type { WorkerParts } from './worker-parts.ts'

const watchEveryMs = 1000
/** How often event time is looked at where no trigger does so. */
const timeEveryMs = 100

interface Loop {
  /** Ends the wait for the trigger. */
  readonly wake: () => void
  /** True where there is mail: long waits end early. */
  readonly interrupted: () => boolean
  /** Aborted when mail comes in. */
  readonly signal: () => AbortSignal
}

export class WorkerResources {
  readonly parts: WorkerParts
  readonly interrupted: () => boolean
  readonly signal: () => AbortSignal
  readonly cluster: Cluster
  readonly fetcher: Fetcher
  readonly producer: Transactions
  readonly queue: ApplyQueue
  readonly cache: EntryCache
  readonly size: BatchSize
  readonly topics: TopicFacts
  readonly outputs: OutputBuffer
  readonly printed: PrintedRows
  readonly membership: MembershipView
  readonly heartbeats: HeartbeatRequests
  readonly tasks: TaskSet
  readonly purge: RepartitionPurge
  readonly figures: WorkerFigures
  readonly waits: Waits
  readonly #partitions: PartitionWatch
  readonly #wake: () => void
  readonly #ended = new AbortController()
  /** Why the producer is not in a known state yet, where recovery was put off for mail. */
  unsettled: CaudalError | null = null
  #frozen: FrozenMembership | null = null

  constructor(parts: WorkerParts, loop: Loop) {
    const { wire, clock, settings, ids, flags, metrics, log } = parts
    this.parts = parts
    this.interrupted = loop.interrupted
    this.signal = loop.signal
    const progress = () => flags.advance()
    this.waits = new Waits(clock, (waits) => parts.post({ kind: 'waits', waits }))
    const cluster = new Cluster(new WatchedWire(wire, clock, this.waits), clock)
    this.cluster = cluster
    const fetching = {
      cluster,
      clock,
      isolation: 'read_committed',
      maxWaitMs: settings.fetchWaitMs,
      partitionBytesMax: settings.fetchPartitionBytesMax,
      readAheadBytesMax: settings.readAheadBytesMax,
    } as const
    this.fetcher = new Fetcher({ ...fetching, purpose: 'fetch' })
    this.membership = new MembershipView(flags, clock)
    this.heartbeats = new HeartbeatRequests(parts.post)
    const guard = () => {
      if (this.#frozen !== null) this.membership.check(this.#frozen)
    }
    const { transactionTimeoutMs: timeoutMs, compression } = settings
    const producerOf = (transactionalId: string) =>
      new TransactionalProducer({ cluster, transactionalId, timeoutMs, compression, guard, progress })
    const [first, ...others] = ids.transactionalIds
    this.producer =
      others.length === 0 ? producerOf(first) : new AlternatingProducer([producerOf(first), ...others.map(producerOf)])
    this.queue = new ApplyQueue({
      bytesMax: settings.applyQueueBytesMax,
      clock,
      metrics,
      progress,
      onAway: new StoreWaits(this.waits).onAway,
      onFailure: loop.wake,
    })
    this.cache = new EntryCache(settings.cacheBytesMax)
    this.size = new BatchSize({ recordsMax: settings.batchRecordsMax, transactionTimeoutMs: timeoutMs, clock })
    this.topics = new TopicFacts(cluster, parts.topics)
    const partitionsOf = (topic: string) => parts.topics.get(topic)?.partitions
    this.#partitions = new PartitionWatch({ plan: parts.plan, partitionsOf, cluster, clock, log })
    this.#wake = loop.wake
    this.outputs = new OutputBuffer({
      partitionsOf: (topic) => this.topics.partitionsOf(topic),
      messageBytesMax: (topic) => this.topics.messageBytesMax(topic),
      compression: settings.compression,
    })
    this.printed = new PrintedRows(parts.post)
    this.purge = new RepartitionPurge({ plan: parts.plan, cluster, clock, log })
    const { fetcher, queue, cache, outputs, printed, membership, waits } = this
    const life = new TaskLife({ parts, cluster, fetcher, fetching, queue, cache, outputs, printed, membership, waits })
    this.tasks = new TaskSet({
      clock,
      log,
      take: (id, signal) => life.take(id, signal),
      open: (taken) => life.open(taken),
      close: (task) => life.close(task),
      heartbeat: (signal) => this.heartbeatAnswered(signal),
      wake: loop.wake,
    })
    const { tasks } = this
    const internal = parts.plan.internalTopics
    const repartitions = new Set(internal.flatMap(({ kind, name }) => (kind === 'repartition' ? name : [])))
    this.figures = new WorkerFigures({
      metrics,
      clock,
      settings,
      tasks,
      queue,
      cache,
      held: new HeldWatermarks(parts),
      isRepartition: (topic) => repartitions.has(topic),
    })
  }

  /** Beside the loop, which may itself be held up: looks once a second at what the input waits for, and at idle stores, until `close`. */
  async watch(): Promise<void> {
    const { clock } = this.parts
    const { signal } = this.#ended
    const blocked = new BlockedFeeds({ cluster: this.cluster, clock, waits: this.waits, signal })
    while (!signal.aborted) {
      const running = [...this.tasks.running.values()]
      blocked.look(running)
      if (!this.parts.flags.busy) confirmIdleStores(running, this.queue, clock.monotonic())
      await this.#partitions.look()
      if (this.#partitions.failure !== null) this.#wake()
      await clock.sleep(watchEveryMs, signal)
    }
  }

  /** The membership that the requests of this batch are sent under. */
  freeze(frozen: FrozenMembership): void {
    this.#frozen = frozen
  }

  /** @throws what went wrong beside the loop: in the apply queue, in a taking, in a feed */
  async raiseFailures(): Promise<void> {
    const failure = this.queue.failure ?? this.tasks.failure ?? this.#partitions.failure
    if (failure !== null) throw failure
    const feeds = [...this.tasks.running.values()].flatMap((task) => task.feeds)
    const ended = feeds.find((feed) => feed.error !== null && feed.chunks.length === 0)?.error
    if (!ended) return
    if (ended instanceof DeletedRecordsError && (await this.#isReadByOthers(ended)))
      throw new RetakeError('others have read what comes next, and gone on', { cause: ended })
    throw ended
  }

  /**
   * Who was replaced, and does not know it yet, may find what comes next deleted behind the commits of others. That a heartbeat is answered
   * well says nothing of it: a coordinator that still loads answers every one so.
   */
  async #isReadByOthers({ topic, partition, startOffset }: DeletedRecordsError): Promise<boolean> {
    const limits = { signal: this.signal(), progress: () => this.parts.flags.advance() }
    const committed = await fetchStableOffsets(this.cluster, this.parts.ids.group, [{ topic, partition }], limits)
    // What is undecided is waited for where tasks are taken.
    return committed === 'unstable' || (committed.get(partitionKey(topic, partition))?.offset ?? -1) >= startOffset
  }

  /** Waits for input or, where event time moves without it, for some time to pass. */
  async arrivalOrTime(signal: AbortSignal): Promise<void> {
    const isTimed = [...this.tasks.running.values()].some(({ time }) => time !== null)
    if (!isTimed) return this.fetcher.arrival(signal)
    const either = new AbortController()
    const within = AbortSignal.any([signal, either.signal])
    await Promise.race([this.fetcher.arrival(within), this.parts.clock.sleep(timeEveryMs, within)])
    either.abort()
  }

  /** Waits for a heartbeat that was sent afterwards and answered well (P12). */
  async heartbeatAnswered(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.heartbeats.ask()) !== 'ok') await this.parts.clock.sleep(100, signal)
  }

  /** A batch was committed. */
  committed(batch: Batch): void {
    if (this.size.committed()) this.tellSmaller()
    this.figures.committed(batch, this.outputs.recordCounts())
    this.#tellDeleted(batch)
    this.outputs.recycle()
    this.printed.flush(batch.time)
    this.purge.committed(batch.tasks)
  }

  tellSmaller(): void {
    const { log, settings } = this.parts
    const fields = { batchRecordsMax: this.size.recordsMax, transactionTimeoutMs: settings.transactionTimeoutMs }
    log.warn(fields, 'a transaction took more than half of its time-out: smaller batches for a while')
  }

  #tellDeleted(batch: Batch): void {
    for (const { topic, partition, nextOffset, deleted = 0 } of [...batch.slices.values()].flat()) {
      if (deleted === 0) continue
      const fields = { topic, partition, offset: nextOffset, deleted }
      this.parts.log.warn(fields, 'records were deleted before they were read: going on with the first that is left (onDeleted)')
    }
  }

  /** A stop with grace: what was committed reaches the backend, if that is not away for the time given. */
  async drain(withinMs: number): Promise<void> {
    const { clock, log } = this.parts
    const done = new AbortController()
    await Promise.race([this.queue.drained(), clock.sleep(Math.max(0, withinMs), done.signal)])
    done.abort()
    const stores = this.queue.pending.map(({ store, partition }) => `${store} ${partition}`)
    if (stores.length > 0)
      log.warn(
        { stores },
        'stopped before the state backend had every change: who takes these stores next brings them up to date',
      )
  }

  async close(): Promise<void> {
    this.#ended.abort()
    // It leaves the apply queue empty, and waits for nothing that is under way there: the backend may be away (P15).
    this.tasks.giveUpAll()
    this.heartbeats.close()
    this.purge.close()
    await this.fetcher.close()
  }
}
