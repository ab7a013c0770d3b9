/** What is known of the cluster: brokers, topics, who leads each partition and who coordinates each group and transactional id. */
import type { Clock } from '../clock.ts'
import { errorOf, whereOf } from '../commit/verdict-errors.ts'
import { verdictOf } from '../commit/verdicts.ts'
import { type CaudalError, ConfigurationError, ConnectionError, KafkaError } from '../errors.ts'
import { protocolOf, type TransactionProtocol } from './wire/transaction-protocol.ts'
import { lackOf, oldestKafka } from './wire/api-versions.ts'
import { errorCode, errorName } from './wire/error-codes.ts'
import { bootstrapNode, type NodeId, type Wire } from './wire/wire.ts'

export interface PartitionMetadata {
  readonly index: number
  /** −1: none at the moment. */
  readonly leader: NodeId
  readonly leaderEpoch: number
  readonly replicas: readonly NodeId[]
}

export interface TopicMetadata {
  readonly name: string
  /** 32 hexadecimal digits; another one under the same name is another topic (P10). */
  readonly id: string
  /** In the order of their index. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface Leader {
  readonly node: NodeId
  /** Goes into ListOffsets and Fetch, so that a broker with an older view refuses instead of answering (P11, KIP-320). */
  readonly epoch: number
}

/**
 * Who leads is looked up again after so long, though nobody complained: Produce carries no leader epoch, so that a producer would never
 * hear of an election that its broker won. As long as it is for Kafka's own clients.
 */
const metadataAgeMsMax = 300_000

const purpose = 'meta'
const keyTypes = { group: 0, transaction: 1 } as const
export type CoordinatorKind = keyof typeof keyTypes

/** Metadata and coordinators, cached until somebody finds them wrong; each method makes at most one request, the caller repeats. */
export class Cluster {
  readonly wire: Wire
  readonly clock: Clock
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #stale = new Set<string>()
  /** Monotonic, ms: when each topic was last looked up. */
  readonly #seenAt = new Map<string, number>()
  readonly #coordinators = new Map<string, NodeId>()
  /** Null before a broker was asked. */
  #protocol: TransactionProtocol | null = null
  /** Lookups of leaders that wait for the same answer. */
  #refresh: { readonly names: Set<string>; readonly done: Promise<void> } | null = null

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire
    this.clock = clock
  }

  /** Asks a broker what it is. @throws ConfigurationError for one that is too old; KafkaError; ConnectionError. */
  async connect(): Promise<void> {
    const answer = await this.wire.request(bootstrapNode, purpose, 'ApiVersions', {
      clientSoftwareName: 'caudal',
      clientSoftwareVersion: '1',
    })
    if (answer.errorCode !== errorCode.NONE) throw kafkaError('ApiVersions', answer.errorCode)
    const lacks = lackOf(Object.fromEntries(answer.apiKeys.map((known) => [known.apiKey, known])))
    if (lacks.length > 0) {
      throw new ConfigurationError([`caudal needs Kafka ${oldestKafka} or newer, and this broker is not: ${lacks.join('; ')}`])
    }
    this.#protocol = protocolOf(answer)
  }

  /**
   * In which protocol this cluster runs transactions: asked once. A cluster that is upgraded meanwhile goes on with 1 until a restart.
   * @throws as `connect` does, where that was not called before.
   */
  async transactionProtocol(): Promise<TransactionProtocol> {
    if (this.#protocol === null) await this.connect()
    return this.#protocol ?? 1
  }

  /** Asks for these topics, or for all; a topic that does not exist is absent. @throws FatalError for one that may not be seen; KafkaError. */
  async topics(names: readonly string[] | null): Promise<ReadonlyMap<string, TopicMetadata>> {
    if (names?.length === 0) return new Map()
    const topics = names === null ? null : names.map((name) => ({ name }))
    const answer = await this.wire.request(bootstrapNode, purpose, 'Metadata', { topics, allowAutoTopicCreation: false })
    const found = new Map<string, TopicMetadata>()
    for (const topic of answer.topics) {
      if (topic.name === null || topic.errorCode === errorCode.UNKNOWN_TOPIC_OR_PARTITION) continue
      if (topic.errorCode !== errorCode.NONE && topic.errorCode !== errorCode.LEADER_NOT_AVAILABLE) {
        throw metadataError(topic.errorCode, topic.name)
      }
      const partitions = topic.partitions.map((partition) => ({
        index: partition.partitionIndex,
        leader: partition.leaderId,
        leaderEpoch: partition.leaderEpoch,
        replicas: partition.replicaNodes,
      }))
      found.set(
        topic.name,
        this.#remember({ name: topic.name, id: topic.topicId, partitions: partitions.sort((a, b) => a.index - b.index) }),
      )
    }
    for (const name of names ?? []) if (!found.has(name)) this.#forget(name)
    return found
  }

  /** Who leads the partition. @throws KafkaError when nobody does, or the topic or partition does not exist; ConnectionError. */
  async leader(topic: string, partition: number): Promise<Leader> {
    if (!this.#topics.has(topic) || this.#stale.has(topic)) await this.#lookUp(topic)
    else if (this.#isOld(topic)) await this.#lookUpAgain()
    const found = this.#topics.get(topic)?.partitions[partition]
    if (found && found.leader >= 0) return { node: found.leader, epoch: found.leaderEpoch }
    this.#stale.add(topic)
    throw kafkaError('Metadata', found ? errorCode.LEADER_NOT_AVAILABLE : errorCode.UNKNOWN_TOPIC_OR_PARTITION, {
      topic,
      partition,
    })
  }

  /** The cached answer about this topic, or about all, is no longer believed. */
  invalidate(topic?: string): void {
    if (topic !== undefined) this.#stale.add(topic)
    else for (const name of this.#topics.keys()) this.#stale.add(name)
  }

  /** The brokers that are alive. */
  async brokers(): Promise<readonly NodeId[]> {
    const answer = await this.wire.request(bootstrapNode, purpose, 'Metadata', { topics: [], allowAutoTopicCreation: false })
    return answer.brokers.map((broker) => broker.nodeId)
  }

  /** Who coordinates the group or the transactional id. @throws KafkaError while nobody does; ConnectionError. */
  async coordinator(kind: CoordinatorKind, key: string): Promise<NodeId> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const answer = await this.wire.request(bootstrapNode, purpose, 'FindCoordinator', {
      keyType: keyTypes[kind],
      coordinatorKeys: [key],
    })
    const found = answer.coordinators[0]
    if (found === undefined) throw kafkaError('FindCoordinator', errorCode.COORDINATOR_NOT_AVAILABLE, { [kind]: key })
    if (found.errorCode !== errorCode.NONE) throw kafkaError('FindCoordinator', found.errorCode, { [kind]: key })
    this.#coordinators.set(`${kind} ${key}`, found.nodeId)
    return found.nodeId
  }

  invalidateCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind} ${key}`)
  }

  /** One request for all that ask while none is under way; a topic that misses it asks once more. */
  async #lookUp(topic: string): Promise<void> {
    if (this.#refresh?.names.has(topic)) return this.#refresh.done
    const names = new Set([topic, ...this.#stale])
    const done = this.topics([...names]).then(() => {})
    const refresh = { names, done }
    this.#refresh = refresh
    try {
      await done
    } finally {
      if (this.#refresh === refresh) this.#refresh = null
    }
  }

  #isOld(topic: string): boolean {
    return this.clock.monotonic() - (this.#seenAt.get(topic) ?? 0) > metadataAgeMsMax
  }

  /** All that is as old, in one request; who asks meanwhile goes by what is known, and so do all where nobody answers. */
  async #lookUpAgain(): Promise<void> {
    const old = [...this.#topics.keys()].filter((name) => this.#isOld(name))
    for (const name of old) this.#seenAt.set(name, this.clock.monotonic())
    try {
      await this.topics(old)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
    }
  }

  #forget(topic: string): void {
    this.#topics.delete(topic)
    this.#seenAt.delete(topic)
    this.#stale.delete(topic)
  }

  /** A broker that lags behind may answer with an older leader than the one already known: that is not taken back (KIP-320). */
  #remember(topic: TopicMetadata): TopicMetadata {
    const before = this.#topics.get(topic.name)
    const partitions = topic.partitions.map((partition) => {
      const known = before?.id === topic.id ? before.partitions[partition.index] : undefined
      return known && known.leaderEpoch > partition.leaderEpoch ? known : partition
    })
    const merged = { ...topic, partitions }
    this.#topics.set(topic.name, merged)
    this.#seenAt.set(topic.name, this.clock.monotonic())
    this.#stale.delete(topic.name)
    return merged
  }
}

/** What asking again can't mend is a verdict already. */
const metadataError = (code: number, topic: string): CaudalError =>
  verdictOf('Metadata', code) === 'fatal' ? errorOf('Metadata', code, { topic }) : kafkaError('Metadata', code, { topic })

/** An answer's error code, before somebody gives it a verdict. */
export function kafkaError(request: string, code: number, fields: Readonly<Record<string, unknown>> = {}): KafkaError {
  return new KafkaError(code, `${request}${whereOf(fields)}: ${errorName(code)}`, { ...fields, request })
}
