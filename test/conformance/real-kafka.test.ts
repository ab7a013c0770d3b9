/** The Wire port on the sockets of a real Kafka, at the addresses that CAUDAL_TEST_KAFKA lists ("host:port,host:port"). */
import { test } from 'node:test'
import { KafkaWire } from '../../service/kafka/wire/kafka-wire.ts'
import { silentLog } from '../../service/log.ts'
import { wireSuite } from './wire-suite.ts'

const brokers = process.env.CAUDAL_TEST_KAFKA?.split(',')

if (brokers === undefined) test('Kafka', { skip: 'CAUDAL_TEST_KAFKA is not set: no broker to run against' }, () => {})
else {
  wireSuite({
    name: `Kafka at ${brokers.join(', ')}`,
    nodes: brokers.length,
    open: async () => {
      const opened: KafkaWire[] = []
      const wire = (clientId = 'conformance') => {
        const made = new KafkaWire({ brokers, clientId, log: silentLog })
        opened.push(made)
        return made
      }
      return { wire, close: async () => void (await Promise.all(opened.map((made) => made.close()))) }
    },
  })
}
