/** Kafka in memory, behind the Wire port: real record batches and the broker's own rules, driven by a Clock. For the driver, tests and simulation. */
import type { Clock } from '../clock.ts'
import { decodeRecords } from '../kafka/records/decode-records.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { TransactionProtocol } from '../kafka/wire/transaction-protocol.ts'
import { errorCode, errorName } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, Api, RequestOf } from '../kafka/wire/messages.ts'
import type { NodeId, Wire } from '../kafka/wire/wire.ts'
import { apiVersions, describeCluster, findCoordinator, metadata } from './cluster-requests.ts'
import { compactLog } from './compaction.ts'
import { fetch } from './fetch.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { deleteGroups, describeGroups, listGroups } from './group-requests.ts'
import { deleteRecords, describeProducers, listOffsets, offsetForLeaderEpoch } from './log-requests.ts'
import { type Client, MemoryWire } from './memory-wire.ts'
import { commitOffsets, commitOffsetsInTransaction, fetchOffsets } from './offset-requests.ts'
import { type CommittedOffset, type OffsetPlace, OffsetStore } from './offset-store.ts'
import type { PartitionLog } from './partition-log.ts'
import { produce } from './produce.ts'
import { Timers } from './timers.ts'
import { alterConfigs, createTopics, deleteTopics, describeConfigs } from './topic-requests.ts'
import { offsetsTopic, type TopicSettings, Topics } from './topics.ts'
import type { TransactionState } from './transaction.ts'
import { type AdditionContext, addOffsetsToTxn, addPartitionsToTxn } from './transaction-additions.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'
import { type MarkerDelay, TransactionMarkers } from './transaction-markers.ts'

export interface MemoryKafkaOptions {
  readonly clock: Clock
  /** Number of nodes, with ids from 1; default 1. */
  readonly brokers?: number
  /** Partitions of a topic that is made without a number; default 1. */
  readonly defaultPartitions?: number
  /** Partitions of the offsets topic and of the transactions topic; default 5. */
  readonly internalPartitions?: number
  /** When transaction markers land after EndTxn; default 0, within it. */
  readonly markerDelayMs?: MarkerDelay
  /** How transactions are run: as Kafka 4 does by itself, or as older brokers do; default 2. */
  readonly transactionProtocol?: TransactionProtocol
  /** Under protocol 1, whether leaders ask the coordinator about the first batch of a transaction, as they do since Kafka 3.7; default true. */
  readonly verifiesPartitions?: boolean
  /** The first epoch of every transactional id; default 0. At 32 766 the producer id changes. */
  readonly firstProducerEpoch?: number
  /** Shorter session time-outs are refused; default 6 000, as on a broker. */
  readonly sessionTimeoutMsMin?: number
}

/** What a node does with a request of each kind. */
type Handlers = {
  readonly [A in Api]: (node: NodeId, body: RequestOf<A>, client: Client) => Promise<AnswerOf<A>> | AnswerOf<A>
}

export class MemoryKafka {
  readonly nodes: readonly NodeId[]
  readonly #clock: Clock
  readonly #defaultPartitions: number
  readonly #timers: Timers
  readonly #topics: Topics
  readonly #markers: TransactionMarkers
  readonly #transactions: TransactionCoordinator
  readonly #verifiesPartitions: boolean
  readonly #groups: GroupCoordinator
  readonly #offsets = new OffsetStore()
  readonly #handlers: Handlers
  readonly #closing = new AbortController()

  constructor(options: MemoryKafkaOptions) {
    const { clock } = options
    this.#clock = clock
    this.#defaultPartitions = options.defaultPartitions ?? 1
    this.nodes = Array.from({ length: options.brokers ?? 1 }, (_, i) => i + 1)
    const timers = new Timers(clock)
    const topics = new Topics(clock, this.nodes, options.internalPartitions ?? 5)
    this.#timers = timers
    this.#topics = topics
    this.#markers = new TransactionMarkers({
      clock,
      timers,
      delayMs: options.markerDelayMs ?? 0,
      landed: (log, { producerId, commit }) => {
        if (log.topic === offsetsTopic) this.#offsets.complete(producerId, log.partition, commit)
      },
    })
    const firstEpoch = options.firstProducerEpoch ?? 0
    const protocol = options.transactionProtocol ?? 2
    this.#verifiesPartitions = options.verifiesPartitions ?? true
    this.#transactions = new TransactionCoordinator({ clock, timers, topics, markers: this.#markers, protocol, firstEpoch })
    this.#groups = new GroupCoordinator({ clock, timers, topics, sessionTimeoutMsMin: options.sessionTimeoutMsMin ?? 6_000 })
    this.#handlers = this.#allHandlers()
  }

  /** A new client. Closing its wire is the death of its process: what it waits for fails, its memberships run out. */
  wire(clientId = 'client'): Wire {
    return new MemoryWire({
      clock: this.#clock,
      clientId,
      nodes: this.nodes,
      dispatch: (node, client, api, body) => this.#handlers[api](node, body, client),
      clusterGone: this.#closing.signal,
    })
  }

  /** Stops all alarms and closes all wires; the cluster is not to be used any more. */
  close(): void {
    this.#closing.abort()
    this.#timers.cancelAll()
  }

  createTopic(name: string, settings: Partial<TopicSettings> = {}): void {
    this.#topics.create(name, { partitions: this.#defaultPartitions, ...settings })
  }

  /** The topic has `count` partitions from now on, as after CreatePartitions. */
  addPartitions(name: string, count: number): void {
    this.#topics.addPartitions(name, count)
  }

  /** Appends one encoded batch as a client would; returns its base offset. @throws Error when a broker would refuse it */
  append(topic: string, partition: number, records: Buffer): number {
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
    const request = { transactionalId: null, acks: -1, timeoutMs: 0, topicData }
    const context = { clock: this.#clock, ...this.#additions() }
    const produced = produce(context, this.#log(topic, partition).leader, request).responses[0]?.partitionResponses[0]
    if (produced === undefined || produced.errorCode !== errorCode.NONE) {
      throw new Error(
        `A batch for ${topic}:${partition} was refused: ${errorName(produced?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR)}.`,
      )
    }
    return produced.baseOffset
  }

  /** Removes what compaction would: every record below the last stable offset whose key came again. */
  compact(topic: string, options: { readonly dropTombstones?: boolean } = {}): void {
    for (const log of this.#topics.get(topic)?.partitions ?? [])
      compactLog(log, { dropTombstones: options.dropTombstones ?? false })
  }

  /** Makes another node the leader, in a new leader epoch; of the internal topics, another coordinator, which reads its log for so long. */
  moveLeader(topic: string, partition: number, node: NodeId, { loadingMs = 0 }: { readonly loadingMs?: number } = {}): void {
    const log = this.#log(topic, partition)
    log.moveLeader(node)
    log.isLoading = loadingMs > 0
    const loaded = () => {
      log.isLoading = false
    }
    if (log.isLoading) this.#timers.set(`loading ${topic}-${partition}`, loadingMs, loaded)
    if (topic === offsetsTopic) this.#groups.moved(partition)
  }

  /** Makes the broker delete the records before an offset, as retention does. */
  deleteRecords(topic: string, partition: number, before: number): void {
    this.#log(topic, partition).deleteBefore(before)
  }

  /** Makes a node the leader that has no record from `offset` on: an unclean election. No transaction may be open on the partition. */
  truncate(topic: string, partition: number, offset: number, node: NodeId = this.#log(topic, partition).leader): void {
    this.#log(topic, partition).truncate(offset, node)
  }

  /** Writes the transaction marker that has waited longest (`markerDelayMs: 'manual'`); false if none waits. */
  landMarker(): boolean {
    return this.#markers.landNext()
  }

  /** Makes the broker forget an idle transactional id, as it does after seven days. */
  expireTransactionalId(transactionalId: string): void {
    this.#transactions.forget(transactionalId)
  }

  /** Makes the broker forget the offsets of an idle group, or of one partition of it. */
  expireOffsets(group: string, place?: { readonly topic: string; readonly partition: number }): void {
    this.#offsets.delete(group, place === undefined ? undefined : { group, ...place })
  }

  /** All topics that were created, without the internal ones of the broker. */
  topics(): readonly { readonly name: string; readonly partitions: number }[] {
    const own = this.#topics.all().filter(({ isInternal }) => !isInternal)
    return own.map(({ name, partitions }) => ({ name, partitions: partitions.length }))
  }

  /** What a reader of that isolation sees of a partition from the start of its log. */
  records(topic: string, partition: number, isolation: 'committed' | 'uncommitted'): RecordColumns {
    const log = this.#log(topic, partition)
    const committed = isolation === 'committed'
    const offset = log.startOffset
    const { records, aborted } = log.read({ offset, committed, bytesMax: Number.MAX_SAFE_INTEGER, atLeastOne: true })
    return decodeRecords(records, 0, records.length, offset, committed ? aborted : null).columns
  }

  startOffset(topic: string, partition: number): number {
    return this.#log(topic, partition).startOffset
  }

  endOffset(topic: string, partition: number): number {
    return this.#log(topic, partition).endOffset
  }

  lastStableOffset(topic: string, partition: number): number {
    return this.#log(topic, partition).lastStableOffset
  }

  /** The offsets of a group that hold: those of transactions whose markers have landed. */
  offsets(group: string): readonly (OffsetPlace & CommittedOffset)[] {
    return this.#offsets.of(group)
  }

  /** The transactions that are neither complete nor empty. */
  openTransactions(): readonly {
    readonly transactionalId: string
    readonly producerId: number
    readonly state: TransactionState
  }[] {
    return this.#transactions.open().map(({ transactionalId, producerId, state }) => ({ transactionalId, producerId, state }))
  }

  #log(topic: string, partition: number): PartitionLog {
    const log = this.#topics.log(topic, partition)
    if (log === undefined) throw new Error(`There is no partition ${partition} of a topic "${topic}".`)
    return log
  }

  #additions(): AdditionContext {
    return {
      topics: this.#topics,
      groups: this.#groups,
      transactions: this.#transactions,
      verifiesPartitions: this.#verifiesPartitions,
    }
  }

  #allHandlers(): Handlers {
    const { topics, groups, transactions, ...rest } = this.#additions()
    const offsets = { clock: this.#clock, topics, groups, offsets: this.#offsets, transactions, ...rest }
    return {
      ApiVersions: () => apiVersions(transactions.protocol),
      Metadata: (_, body) => metadata(topics, this.nodes, body),
      DescribeCluster: () => describeCluster(this.nodes),
      FindCoordinator: (_, body) => findCoordinator(offsets, body),
      Produce: (node, body) => produce(offsets, node, body),
      Fetch: (node, body, client) => fetch(offsets, node, body, client.gone),
      ListOffsets: (node, body) => listOffsets(topics, node, body),
      OffsetForLeaderEpoch: (node, body) => offsetForLeaderEpoch(topics, node, body),
      DeleteRecords: (node, body) => deleteRecords(topics, node, body),
      InitProducerId: (node, body) => transactions.initialise(node, body),
      AddPartitionsToTxn: (node, body) => addPartitionsToTxn(offsets, node, body),
      AddOffsetsToTxn: (node, body) => addOffsetsToTxn(offsets, node, body),
      TxnOffsetCommit: (node, body) => commitOffsetsInTransaction(offsets, node, body),
      EndTxn: (node, body) => transactions.end(node, body),
      DescribeProducers: (node, body) => describeProducers(topics, node, body),
      DescribeTransactions: (node, body) => transactions.describe(node, body),
      ListTransactions: (node, body) => transactions.list(node, body),
      OffsetFetch: (node, body) => fetchOffsets(offsets, node, body),
      OffsetCommit: (node, body) => commitOffsets(offsets, node, body),
      JoinGroup: (node, body, client) => groups.join(node, client.id, body),
      SyncGroup: (node, body) => groups.sync(node, body),
      Heartbeat: (node, body) => groups.heartbeat(node, body),
      LeaveGroup: (node, body) => groups.leave(node, body),
      ListGroups: (node, body) => listGroups(groups, node, body),
      DescribeGroups: (node, body) => describeGroups(groups, node, body),
      DeleteGroups: (node, body) => deleteGroups(offsets, node, body),
      CreateTopics: (_, body) => createTopics(topics, this.nodes, body),
      DeleteTopics: (_, body) => deleteTopics(topics, body),
      DescribeConfigs: (_, body) => describeConfigs(topics, body),
      IncrementalAlterConfigs: (_, body) => alterConfigs(topics, body),
    }
  }
}
