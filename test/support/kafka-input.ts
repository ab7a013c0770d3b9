/** Input whose right answers are known in closed form: per key the integers 1…n, written in order with acks=all by stock kafkajs. */
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { kafkaLogins } from './logins.ts'

export interface InputOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly keys?: number
  /**
   * In how many groups the keys take turns, a thousand records each: what was lost or set back of a key that rests is not mended by its
   * next record. Default 1: all keys come all the time.
   */
  readonly shifts?: number
}

/** A record as it was sent. */
export interface SentRecord {
  readonly key: string
  readonly value: string
}

const sendEveryMs = 20
const recordsPerShift = 1_000

export class KafkaInput {
  readonly #kafka: Kafka
  readonly #producer: Producer
  readonly #topic: string
  readonly #keys: string[] = []
  readonly #shifts: number
  readonly #counts = new Map<string, number>()
  readonly #partitions = new Map<string, number>()
  readonly #sent: SentRecord[] = []
  #partitionOf: ((key: string) => number) | null = null
  #turn = 0
  #flowing: Promise<void> | null = null
  #flows = false

  constructor({ brokers, topic, keys = 20, shifts = 1 }: InputOptions) {
    this.#topic = topic
    this.#shifts = shifts
    this.addKeys(keys)
    const client = { brokers: [...brokers], clientId: 'test-input', logLevel: logLevel.NOTHING }
    // However long a broker is away, it is asked again at least once a second.
    const retry = { retries: Number.MAX_SAFE_INTEGER, maxRetryTime: 1_000 }
    this.#kafka = new Kafka({ ...client, ...kafkaLogins, retry })
    this.#producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  }

  connect(): Promise<void> {
    return this.#producer.connect()
  }

  /** From now on, so many further keys come. */
  addKeys(count: number): void {
    const first = this.#keys.length
    this.#keys.push(...Array.from({ length: count }, (_, index) => `key-${first + index}`))
  }

  /** Of each key its last integer. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** How many records there are in all. */
  get total(): number {
    return this.#sent.length
  }

  /** The records of one partition, in order. */
  sentTo(partition: number): readonly SentRecord[] {
    return this.#sent.filter(({ key }) => this.#partitions.get(key) === partition)
  }

  /** Writes the next `count` integers, key after key. */
  async send(count: number): Promise<void> {
    const topic = this.#topic
    const partitionOf = (this.#partitionOf ??= await partitionsOf(this.#kafka, topic))
    const messages = Array.from({ length: count }, () => this.#next())
    for (const { key } of messages) if (!this.#partitions.has(key)) this.#partitions.set(key, partitionOf(key))
    // Stock kafkajs loses and doubles records of a send to several partitions, one of which gets another leader meanwhile.
    const byPartition = Map.groupBy(messages, ({ key }) => this.#partitions.get(key) ?? 0)
    const sending = [...byPartition].map(([partition, records]) =>
      this.#producer.send({ topic, acks: -1, messages: records.map((record) => ({ ...record, partition })) }),
    )
    await Promise.all(sending)
    this.#sent.push(...messages)
  }

  /** Writes about so many records a second from now on, until `pause`. */
  flow(perSecond: number): void {
    this.#flows = true
    this.#flowing = this.#keepSending(perSecond)
  }

  async pause(): Promise<void> {
    this.#flows = false
    await this.#flowing
  }

  async close(): Promise<void> {
    await this.pause()
    await this.#producer.disconnect()
  }

  async #keepSending(perSecond: number): Promise<void> {
    const start = performance.now()
    let sent = 0
    while (this.#flows) {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond) - sent
      if (due > 0) await this.send(due)
      sent += due
      await delay(sendEveryMs)
    }
  }

  #next(): SentRecord {
    const shift = Math.floor(this.#turn / recordsPerShift) % this.#shifts
    const awake = Math.ceil((this.#keys.length - shift) / this.#shifts)
    const key = this.#keys[shift + this.#shifts * (this.#turn++ % awake)] ?? ''
    const number = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, number)
    return { key, value: String(number) }
  }
}

/** Where Kafka's own clients write a key. */
async function partitionsOf(kafka: Kafka, topic: string): Promise<(key: string) => number> {
  const admin = kafka.admin()
  await admin.connect()
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  await admin.disconnect()
  const partitionMetadata = topics[0]?.partitions ?? []
  const choose = Partitioners.DefaultPartitioner()
  return (key) => choose({ topic, partitionMetadata, message: { key, value: null } })
}
