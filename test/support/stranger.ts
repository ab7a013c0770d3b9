/** Somebody outside of the application, with a transaction of their own on its input, by stock kafkajs. */
import { Kafka, logLevel, type Transaction } from 'kafkajs'

export interface Stranger {
  /** Nothing that was written is ever seen. */
  abort(): Promise<void>
}

/** Writes one record to the partition in a transaction that stays open. */
export async function openTransaction(
  brokers: readonly string[],
  { transactionalId, topic, partition }: { readonly transactionalId: string; readonly topic: string; readonly partition: number },
): Promise<Stranger> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'stranger', logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction: Transaction = await producer.transaction()
  await transaction.send({ topic, acks: -1, messages: [{ key: 'stranger', value: '-1', partition }] })
  return {
    async abort() {
      await transaction.abort()
      await producer.disconnect()
    },
  }
}
