/** The oldest Kafka that caudal is run on, in a sandbox of its own: its brokers keep the rules that the protocol code relies on, under protocol 1. */
import { test } from 'node:test'
import { missingForKafka } from '../../service/sandbox/artifacts.ts'
import { startSandbox } from '../../service/sandbox/sandbox.ts'
import { socketClients } from '../conformance/socket-clients.ts'
import { wireSuite } from '../conformance/wire-suite.ts'

const kafkaVersion = '3.7.2'
const missing = missingForKafka(kafkaVersion)

if (missing !== null) test(`Kafka ${kafkaVersion}`, { skip: missing }, () => {})
else {
  wireSuite({
    name: `Kafka ${kafkaVersion}`,
    nodes: 1,
    protocol: 1,
    open: async () => {
      // Nobody asks for a Redis.
      const sandbox = await startSandbox({ kind: 'processes', kafkaVersion, redisUrl: 'redis://none', progress: () => {} })
      const clients = socketClients(sandbox.kafkaBrokers)
      const close = async () => {
        await clients.close()
        await sandbox.stop()
      }
      return { wire: (clientId) => clients.wire(clientId), close }
    },
  })
}
