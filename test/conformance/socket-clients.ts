/** The clients of a real Kafka, each with sockets of its own. */
import { KafkaWire } from '../../service/kafka/wire/kafka-wire.ts'
import { silentLog } from '../../service/log.ts'
import { kafkaLogins } from '../support/logins.ts'
import type { KafkaUnderTest } from './wire-client.ts'

export function socketClients(brokers: readonly string[]): KafkaUnderTest {
  const opened: KafkaWire[] = []
  return {
    wire(clientId = 'conformance') {
      const made = new KafkaWire({ brokers, clientId, log: silentLog, ...kafkaLogins })
      opened.push(made)
      return made
    },
    close: async () => void (await Promise.all(opened.map((made) => made.close()))),
  }
}
