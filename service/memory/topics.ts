/** The topics of the in-memory Kafka: names, ids, settings and the logs of their partitions, leaders spread over the nodes. */
import type { Clock } from '../clock.ts'
import { errorCode } from '../kafka/wire/error-codes.ts'
import { PartitionLog } from './partition-log.ts'
import { topicConfigDefaults } from './topic-configs.ts'

export const offsetsTopic = '__consumer_offsets'
export const transactionsTopic = '__transaction_state'

export interface Topic {
  readonly name: string
  /** 32 hex digits; a topic that is deleted and created again has another one. */
  readonly id: string
  readonly isInternal: boolean
  readonly partitions: PartitionLog[]
  /** Only those that were set. */
  readonly configs: Map<string, string>
}

export interface TopicSettings {
  readonly partitions: number
  readonly configs?: Readonly<Record<string, string>>
}

export class Topics {
  readonly #clock: Clock
  readonly #nodes: readonly number[]
  readonly #topics = new Map<string, Topic>()
  #created = 0

  constructor(clock: Clock, nodes: readonly number[], internalPartitions: number) {
    this.#clock = clock
    this.#nodes = nodes
    this.create(offsetsTopic, { partitions: internalPartitions, configs: { 'cleanup.policy': 'compact' } })
    this.create(transactionsTopic, { partitions: internalPartitions, configs: { 'cleanup.policy': 'compact' } })
  }

  all(): readonly Topic[] {
    return [...this.#topics.values()]
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  log(name: string, partition: number): PartitionLog | undefined {
    return this.#topics.get(name)?.partitions[partition]
  }

  /** The log, or the error that a request to `node` for it gets. */
  leaderLog(node: number, name: string, partition: number): PartitionLog | number {
    const log = this.log(name, partition)
    if (log === undefined) return errorCode.UNKNOWN_TOPIC_OR_PARTITION
    return log.leader === node ? log : errorCode.NOT_LEADER_OR_FOLLOWER
  }

  create(name: string, settings: TopicSettings): Topic {
    // Each topic starts at another node, so that on several nodes no client gets along with asking a single one.
    const first = this.#created++
    const leader = (partition: number) => this.#nodes[(first + partition) % this.#nodes.length] ?? 0
    const topic: Topic = {
      name,
      id: this.#newId(),
      isInternal: name === offsetsTopic || name === transactionsTopic,
      partitions: Array.from({ length: settings.partitions }, (_, i) => new PartitionLog(name, i, leader(i))),
      configs: new Map(Object.entries(settings.configs ?? {})),
    }
    this.#topics.set(name, topic)
    return topic
  }

  addPartitions(name: string, count: number): void {
    const partitions = this.#topics.get(name)?.partitions ?? []
    for (let index = partitions.length; index < count; index++) {
      const leader = this.#nodes[((partitions[0]?.leader ?? 0) + index) % this.#nodes.length] ?? 0
      partitions.push(new PartitionLog(name, index, leader))
    }
  }

  delete(name: string): boolean {
    return this.#topics.delete(name)
  }

  /** A setting of the topic, or its default. */
  config(topic: Topic, name: string): string {
    return topic.configs.get(name) ?? topicConfigDefaults[name] ?? ''
  }

  /** Why a topic of that name and settings is refused: an error code, NONE if it is not. */
  refusal(name: string, partitions: number, configs: Iterable<string>): number {
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') return errorCode.INVALID_TOPIC_EXCEPTION
    if (this.#topics.has(name)) return errorCode.TOPIC_ALREADY_EXISTS
    if (partitions < 1) return errorCode.INVALID_PARTITIONS
    for (const config of configs) if (topicConfigDefaults[config] === undefined) return errorCode.INVALID_CONFIG
    return errorCode.NONE
  }

  #newId(): string {
    return Array.from({ length: 4 }, () =>
      Math.floor(this.#clock.random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0'),
    ).join('')
  }
}

/** The partition of an internal topic that a group or a transactional id belongs to: Java's `String.hashCode`, made positive. */
export function coordinatorPartition(key: string, partitions: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (hash * 31 + key.charCodeAt(i)) | 0
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitions
}
