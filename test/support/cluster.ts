/** A Kafka cluster of a test's own, of one or three brokers, whose brokers it kills, restarts and moves, and whose leaders it shifts. */
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { systemClock } from '../../service/clock.ts'
import { missingForKafka } from '../../service/sandbox/artifacts.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { type Sandbox, startSandbox } from '../../service/sandbox/sandbox.ts'
import { brokerSessionTimeoutMs } from '../../service/sandbox/server-properties.ts'
import { runTool } from './kafka-tool.ts'
import { until } from './processes.ts'

/** Why no cluster of a test's own can be started here; false where one can. */
export const noCluster: string | false = missingForKafka() ?? false

export type BrokerCount = 1 | 3

/** `hard`: SIGKILL. `clean`: SIGTERM, so that the broker hands over its leaders first. */
export type Bounce = 'hard' | 'clean'

export interface ClusterOptions {
  readonly brokers: BrokerCount
  /** Broker settings over those of the sandbox. */
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * Of several brokers. A machine that has more to do than it can is not to be taken for a broker that failed, so elections wait longer than a busy scheduler;
 * and leaders move only when a test says so.
 */
const patience = {
  'controller.quorum.fetch.timeout.ms': '6000',
  'controller.quorum.request.timeout.ms': '6000',
  'controller.quorum.election.timeout.ms': '3000',
  'broker.session.timeout.ms': '9000',
  'auto.leader.rebalance.enable': 'false',
}

/**
 * Of an only broker. A transaction that ends while its partitions have no leader never gets its markers (Kafka 4.3.1), and no client can help
 * that: what a test would see is the broker's fault. So an only broker hands no leaders over when it stops, and is started again only when the
 * controller, which lives on beside it, has taken them from it: a broker within its old session takes up transactions before it loses them.
 */
const alone = { 'controlled.shutdown.enable': 'false' }
const untilTakenMs = brokerSessionTimeoutMs + 2_000

const settledWithinMs = 120_000
const coordinatorTopics = { group: '__consumer_offsets', transaction: '__transaction_state' } as const

export class KafkaCluster {
  readonly #sandbox: Sandbox
  readonly #kafka: NonNullable<Sandbox['kafka']>
  #admin: Admin
  /** When the only broker was last seen ended. Monotonic, ms. */
  #endedAt = 0

  private constructor(sandbox: Sandbox, kafka: NonNullable<Sandbox['kafka']>) {
    this.#sandbox = sandbox
    this.#kafka = kafka
    this.#admin = adminOf(this.brokers)
  }

  /** With a Redis beside it where this machine has one. */
  static async start({ brokers, properties }: ClusterOptions): Promise<KafkaCluster> {
    const kafkaProperties = { ...(brokers === 1 ? alone : patience), ...properties }
    const controller = brokers === 1 ? 'apart' : 'combined'
    const sandbox = await startSandbox({ kind: 'processes', brokers, controller, kafkaProperties, progress: () => {} })
    if (sandbox.kafka === undefined) throw new Error('the sandbox runs no brokers of its own')
    const cluster = new KafkaCluster(sandbox, sandbox.kafka)
    await cluster.#admin.connect()
    return cluster
  }

  /** Bootstrap addresses, as of now. */
  get brokers(): readonly string[] {
    return this.#kafka.addresses
  }

  /** Null where there is no Redis. */
  get redisUrl(): string | null {
    return this.#sandbox.redisUrl
  }

  /** The ids of its brokers. */
  get ids(): readonly number[] {
    return this.brokers.map((_, index) => index + 1)
  }

  /** Ends one broker and resolves when its process is gone. */
  async stop(id: number, how: Bounce): Promise<void> {
    this.#kafka.kill(how === 'hard' ? 'SIGKILL' : 'SIGTERM', id)
    await this.ended(id)
  }

  /** Resolves when the process of a broker has ended, whoever ended it. */
  async ended(id: number): Promise<void> {
    await this.#kafka.ended(id)
    this.#endedAt = systemClock.monotonic()
  }

  /** Starts a broker that has ended, and resolves when every replica is in sync again. */
  async start(id: number): Promise<void> {
    await this.#restart(id)
    await this.untilInSync()
  }

  async bounce(id: number, how: Bounce): Promise<void> {
    await this.stop(id, how)
    await this.start(id)
  }

  /** Ends a broker cleanly, and starts it under another address. */
  async move(id: number): Promise<void> {
    const [port = 0] = await freePorts(1, systemClock)
    await this.stop(id, 'clean')
    this.#kafka.move(id, port)
    await this.#restart(id)
    await this.#admin.disconnect()
    this.#admin = adminOf(this.brokers)
    await this.#admin.connect()
    await this.untilInSync()
  }

  /** Who coordinates a group or a transactional id: the leader of its partition of the coordinators' topic. */
  async coordinatorOf(kind: keyof typeof coordinatorTopics, key: string): Promise<number> {
    const leaders = await this.leadersOf(coordinatorTopics[kind])
    return leaders[javaHash(key) % leaders.length] ?? -1
  }

  async topics(): Promise<readonly string[]> {
    return this.#admin.listTopics()
  }

  /** By partition. */
  async leadersOf(topic: string): Promise<readonly number[]> {
    const partitions = await this.#partitionsOf([topic])
    return partitions.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader)
  }

  /** Resolves when every partition of the cluster has a leader and all of its replicas in sync. */
  async untilInSync(): Promise<void> {
    const isInSync = async () => {
      try {
        const partitions = await this.#partitionsOf(await this.#admin.listTopics())
        return partitions.every(({ leader, replicas, isr }) => leader > 0 && isr.length === replicas.length)
      } catch (ignored) {
        // A broker is on its way up or down: it will answer.
        return false
      }
    }
    await until(isInSync, 'all replicas of the cluster are in sync', settledWithinMs)
  }

  /** Makes the first of its replicas the leader of each partition, by Kafka's own tool. */
  async electPreferred(): Promise<void> {
    await runTool('LeaderElectionCommand', this.brokers, ['--election-type', 'preferred', '--all-topic-partitions'])
  }

  /** Gives each partition of the topic these replicas, the preferred leader first, and resolves when they have them. */
  async reassign(topic: string, replicas: (partition: number) => readonly number[]): Promise<void> {
    const count = (await this.leadersOf(topic)).length
    const partitionAssignment = Array.from({ length: count }, (_, partition) => ({
      partition,
      replicas: [...replicas(partition)],
    }))
    await this.#admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    const isDone = async () => (await this.#admin.listPartitionReassignments({})).topics.length === 0
    await until(isDone, `the partitions of ${topic} have moved`, settledWithinMs)
  }

  async close(): Promise<void> {
    await this.#admin.disconnect()
    await this.#sandbox.stop()
  }

  async #restart(id: number): Promise<void> {
    const left = this.#endedAt + untilTakenMs - systemClock.monotonic()
    if (this.ids.length === 1) await systemClock.sleep(Math.max(0, left))
    await this.#kafka.restart(id)
  }

  async #partitionsOf(topics: readonly string[]) {
    const found = await this.#admin.fetchTopicMetadata({ topics: [...topics] })
    return found.topics.flatMap(({ partitions }) => partitions)
  }
}

const adminOf = (brokers: readonly string[]): Admin =>
  new Kafka({ brokers: [...brokers], clientId: 'test-cluster', logLevel: logLevel.NOTHING }).admin()

/** `Utils.abs(text.hashCode())` of Kafka, by which coordinators share their work. */
function javaHash(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0
  return hash & 0x7fffffff
}
