/** The same jobs written by hand with stock kafkajs: eachBatch, and a transaction a batch. */
import kafkajs, { type EachBatchPayload, type Message, type Producer } from 'kafkajs'
import type { Ends } from './bench-cluster.ts'
import type { AdEvent } from './events.ts'
import { partitions } from './input.ts'
import type { Side, SideOptions } from './side.ts'

const { Kafka, logLevel } = kafkajs

/** What a batch of one partition becomes, by topic. */
type Outputs = readonly { readonly topic: string; readonly messages: Message[] }[]
type Job = (batch: EachBatchPayload['batch']) => Outputs

const parsed = (value: Buffer | null): AdEvent => JSON.parse((value ?? '').toString()) as AdEvent

/** Filter, map, count by key: changed counts to an output and to a changelog. */
function counting(topic: string): Job {
  const counts = Array.from({ length: partitions }, () => new Map<string, number>())
  return ({ partition, messages }) => {
    const ofPartition = counts[partition] ?? new Map<string, number>()
    const changed = new Set<string>()
    for (const message of messages) {
      const event = parsed(message.value)
      if (event.type !== 'view') continue
      const key = (message.key ?? '').toString()
      ofPartition.set(key, (ofPartition.get(key) ?? 0) + 1)
      changed.add(key)
    }
    const rows = [...changed].map((key) => ({ key, count: ofPartition.get(key) ?? 0 }))
    return [
      { topic: `${topic}-out`, messages: rows.map((row) => ({ key: row.key, value: JSON.stringify(row), partition })) },
      { topic: `${topic}-changelog`, messages: rows.map(({ key, count }) => ({ key, value: String(count), partition })) },
    ]
  }
}

/** Parse, stringify: as many records out as in. */
const passing =
  (topic: string): Job =>
  ({ partition, messages }) => [
    {
      topic: `${topic}-out`,
      messages: messages.map(({ key, value, timestamp }) => ({
        key,
        value: JSON.stringify(parsed(value)),
        timestamp,
        partition,
      })),
    },
  ]

export const openKafkajsCount = (options: SideOptions): Promise<Side> => openTwin(options, counting(options.topic))
export const openKafkajsPass = (options: SideOptions): Promise<Side> => openTwin(options, passing(options.topic))

async function openTwin({ brokers, topic }: SideOptions, job: Job): Promise<Side> {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  const client = () => new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 } })
  const group = `${topic}-twin`
  const consumer = client().consumer({ groupId: group, maxWaitTimeInMs: 100, maxBytes: 8 << 20, maxBytesPerPartition: 1 << 20 })
  const writing = client()
  // A transaction a partition, as a transactional id has one at a time, and batches of partitions run side by side.
  const producers = Array.from({ length: partitions }, (_, partition) =>
    writing.producer({ transactionalId: `${group}-${partition}` }),
  )
  await Promise.all(producers.map((producer) => producer.connect()))
  await consumer.connect()
  await consumer.subscribe({ topics: [`${topic}-in`], fromBeginning: true })
  const progress = new Progress()
  const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: partitions,
    eachBatch: async (payload) => {
      const { batch } = payload
      const next = Number(batch.lastOffset()) + 1
      const producer = producers[batch.partition]
      if (producer !== undefined)
        await commit(producer, { group, topic: batch.topic, partition: batch.partition, next }, job(batch))
      payload.resolveOffset(batch.lastOffset())
      progress.moveTo(batch.partition, next)
    },
  })
  await joined
  return {
    finish: (ends) => progress.reached(ends),
    close: async () => {
      await consumer.disconnect()
      await Promise.all(producers.map((producer) => producer.disconnect()))
    },
  }
}

interface Position {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly next: number
}

async function commit(producer: Producer, { group, topic, partition, next }: Position, outputs: Outputs): Promise<void> {
  const transaction = await producer.transaction()
  const topicMessages = outputs.filter(({ messages }) => messages.length > 0).map((output) => ({ ...output }))
  if (topicMessages.length > 0) await transaction.sendBatch({ topicMessages })
  const topics = [{ topic, partitions: [{ partition, offset: String(next) }] }]
  await transaction.sendOffsets({ consumerGroupId: group, topics })
  await transaction.commit()
}

/** How far each partition is committed. */
class Progress {
  readonly #positions = Array.from({ length: partitions }, () => 0)
  #moved = () => {}

  moveTo(partition: number, position: number): void {
    this.#positions[partition] = position
    this.#moved()
  }

  async reached(ends: Ends): Promise<void> {
    while (ends.some((end, partition) => (this.#positions[partition] ?? 0) < end)) {
      await new Promise<void>((resolve) => {
        this.#moved = resolve
      })
    }
  }
}
