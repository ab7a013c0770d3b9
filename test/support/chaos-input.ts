/** Input in closed form, per key the integers 1…n in order, sent by Kafka's own client, which knows what was acknowledged and where it stands. */
import { setTimeout as delay } from 'node:timers/promises'
import { Partitioners } from 'kafkajs'
import type { Bystander } from './bystander/bystander.ts'
import { tailPrefix } from './checker/answers.ts'
import type { SentRecord } from './checker/history.ts'

export interface ChaosInputOptions {
  readonly bystander: Bystander
  /** Of the topic: each has as many keys, in each shift. */
  readonly partitions: number
  readonly keys: number
  /**
   * In how many groups the keys take turns, a thousand records each: what was lost or set back of a key that rests is not mended by its
   * next record.
   */
  readonly shifts: number
}

const sendEveryMs = 20
const recordsPerShift = 1_000
/** How far ahead of all numbers those are that only move time on. */
const tailAhead = 100_000

export class ChaosInput {
  readonly #bystander: Bystander
  readonly #keys: readonly string[]
  readonly #shifts: number
  readonly #counts = new Map<string, number>()
  readonly #sent: (SentRecord | null)[] = []
  readonly #pending = new Set<Promise<void>>()
  #turn = 0
  #flowing: Promise<void> | null = null
  #flows = false
  /** Of records that Kafka would not take. */
  readonly refused: string[] = []

  constructor({ bystander, partitions, keys, shifts }: ChaosInputOptions) {
    this.#bystander = bystander
    const belonging = keysByPartition(partitions, Math.ceil(keys / partitions))
    // Neighbours in a list of which each shift takes every so many-th.
    this.#keys = Array.from({ length: keys }, (_, index) => belonging[Math.floor(index / shifts) % partitions]?.pop() ?? '')
    this.#shifts = shifts
  }

  /** What was acknowledged, in the order of sending. */
  get sent(): readonly SentRecord[] {
    return this.#sent.filter((record) => record !== null)
  }

  /** How many records were acknowledged, or may yet be. */
  get total(): number {
    return this.#sent.length
  }

  /** Sends the next `count` integers, key after key. Resolves when they are acknowledged. */
  async send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#send(...this.#next())
    await this.#acknowledged()
  }

  /** Sends about so many records a second from now on, until `pause`. */
  flow(perSecond: number): void {
    if (this.#flows) throw new Error('the input flows already')
    this.#flows = true
    this.#flowing = this.#keepSending(perSecond)
  }

  get isFlowing(): boolean {
    return this.#flows
  }

  /** Sends no more. Resolves when everything is acknowledged. */
  async pause(): Promise<void> {
    this.#flows = false
    await this.#flowing
    await this.#acknowledged()
  }

  /** For the end of a test, however it is: sends no more, and waits for nothing. */
  abandon(): void {
    this.#flows = false
  }

  /** To each partition one record that is far ahead in time, and in no window or session that counts. */
  async moveTimeOn(partitions: number): Promise<void> {
    const newest = Math.max(0, ...this.#counts.values())
    const value = String((Math.ceil(newest / 10) + tailAhead) * 10 + 5)
    for (let partition = 0; partition < partitions; partition++) this.#send(`${tailPrefix}${partition}`, value, partition)
    await this.#acknowledged()
  }

  async #keepSending(perSecond: number): Promise<void> {
    const start = performance.now()
    let sent = 0
    while (this.#flows) {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond) - sent
      for (let i = 0; i < due; i++) this.#send(...this.#next())
      sent += due
      await delay(sendEveryMs)
    }
  }

  #send(key: string, value: string, partition?: number): void {
    const index = this.#sent.push(null) - 1
    const sending = this.#bystander.send(key, value, partition).then(
      (answer) => {
        this.#sent[index] = { key, value, ...answer }
      },
      (error: unknown) => {
        this.refused.push(`${key}=${value}: ${String(error)}`)
      },
    )
    this.#pending.add(sending)
    void sending.then(() => this.#pending.delete(sending))
  }

  async #acknowledged(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #next(): [key: string, value: string] {
    const shift = Math.floor(this.#turn / recordsPerShift) % this.#shifts
    const awake = Math.ceil((this.#keys.length - shift) / this.#shifts)
    const key = this.#keys[shift + this.#shifts * (this.#turn++ % awake)] ?? ''
    const number = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, number)
    return [key, String(number)]
  }
}

/** So many keys for each partition, and some more, as Kafka's own way to choose a partition has it. */
function keysByPartition(partitions: number, count: number): readonly string[][] {
  const choose = Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [],
    isr: [],
  }))
  const keys: string[][] = partitionMetadata.map(() => [])
  for (let number = 0; keys.some(({ length }) => length < count + partitions); number++) {
    const key = `key-${number}`
    keys[choose({ topic: '', partitionMetadata, message: { key, value: null } })]?.push(key)
  }
  return keys
}
