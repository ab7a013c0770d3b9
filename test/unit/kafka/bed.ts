/** What the tests of the protocol code run on: the in-memory Kafka, or the broker at CAUDAL_TEST_KAFKA; and a wire that can be made to fail. */
import { type Clock, systemClock } from '../../../service/clock.ts'
import { ConnectionError } from '../../../service/errors.ts'
import { Cluster } from '../../../service/kafka/cluster.ts'
import { ensureInternalTopics } from '../../../service/kafka/internal-topics.ts'
import { type PendingBatch, TransactionalProducer } from '../../../service/kafka/transactional-producer.ts'
import { RecordBatchBuilder } from '../../../service/kafka/records/record-batch-builder.ts'
import { KafkaWire } from '../../../service/kafka/wire/kafka-wire.ts'
import type { AnswerOf, Api, RequestOf } from '../../../service/kafka/wire/messages.ts'
import type { NodeId, RequestOptions, Wire } from '../../../service/kafka/wire/wire.ts'
import { silentLog } from '../../../service/log.ts'
import { MemoryKafka, type MemoryKafkaOptions } from '../../../service/memory/memory-kafka.ts'

const brokers = process.env.CAUDAL_TEST_KAFKA?.split(',')
export const isReal = brokers !== undefined

/** `pass`: as it is. `lose-request`: never sent. `lose-answer`: it takes effect, nobody hears of it. An object: the answer to give instead. */
export type Fault = 'pass' | 'lose-request' | 'lose-answer' | { readonly answer: unknown }

export interface Sent {
  readonly node: NodeId
  readonly purpose: string
  readonly api: Api
  readonly body: unknown
  readonly versionMax: number | undefined
}

/** A wire that notes every request and asks `fault` what becomes of it. */
export class FaultWire implements Wire {
  readonly sent: Sent[] = []
  fault: (sent: Sent) => Fault = () => 'pass'
  readonly #inner: Wire
  constructor(inner: Wire) {
    this.#inner = inner
  }
  async request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options?: RequestOptions,
  ): Promise<AnswerOf<A>> {
    const sent = { node, purpose, api, body, versionMax: options?.versionMax }
    this.sent.push(sent)
    const fault = this.fault(sent)
    if (typeof fault === 'object') return fault.answer as AnswerOf<A>
    if (fault === 'lose-request') throw new ConnectionError('the request was lost')
    const answer = await this.#inner.request(node, purpose, api, body, options)
    if (fault === 'lose-answer') throw new ConnectionError('the answer was lost')
    return answer
  }
  count(api: Api): number {
    return this.sent.filter((sent) => sent.api === api).length
  }
  close(): Promise<void> {
    return this.#inner.close()
  }
}

export class Bed {
  readonly clock: Clock
  /** Null on a real broker. */
  readonly memory: MemoryKafka | null
  readonly wire: FaultWire
  readonly cluster: Cluster
  readonly id: string
  readonly #opened: Wire[] = []

  constructor(options: Partial<MemoryKafkaOptions> = {}) {
    this.clock = options.clock ?? systemClock
    this.id = `t${systemClock.id().replaceAll(/[_-]/g, '')}`
    this.memory = isReal ? null : new MemoryKafka({ clock: this.clock, sessionTimeoutMsMin: 100, ...options })
    this.wire = this.client()
    this.cluster = new Cluster(this.wire, this.clock)
  }

  client(): FaultWire {
    const inner = this.memory?.wire() ?? new KafkaWire({ brokers: brokers ?? [], clientId: 'unit', log: silentLog })
    this.#opened.push(inner)
    return new FaultWire(inner)
  }

  async topic(suffix: string, partitions = 1): Promise<string> {
    const name = `${this.id}-${suffix}`
    await ensureInternalTopics(this.cluster, [{ name, partitions, configs: {}, kind: 'repartition' }])
    return name
  }

  producer(
    transactionalId = this.id,
    options: Partial<ConstructorParameters<typeof TransactionalProducer>[0]> = {},
  ): TransactionalProducer {
    const { cluster } = this
    return new TransactionalProducer({
      cluster,
      transactionalId,
      timeoutMs: 10_000,
      guard: () => {},
      progress: () => {},
      ...options,
    })
  }

  async close(): Promise<void> {
    for (const wire of this.#opened) await wire.close()
    this.memory?.close()
  }
}

export function batch(topic: string, partition: number, values: readonly string[]): PendingBatch {
  const records = new RecordBatchBuilder(256)
  for (const value of values) records.append('key', value, 1)
  return { topic, partition, records }
}

/** Waits for a condition, looking every few milliseconds of the real clock, for at most ten seconds. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 10_000
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`did not happen in time: ${what}`)
    await systemClock.sleep(2)
  }
}
