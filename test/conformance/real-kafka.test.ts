/** The Wire port on the sockets of a real Kafka, at the addresses that CAUDAL_TEST_KAFKA lists ("host:port,host:port"). */
import { test } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { Cluster } from '../../service/kafka/cluster.ts'
import type { TransactionProtocol } from '../../service/kafka/wire/transaction-protocol.ts'
import { socketClients } from './socket-clients.ts'
import { wireSuite } from './wire-suite.ts'

const brokers = process.env.CAUDAL_TEST_KAFKA?.split(',')

if (brokers === undefined) test('Kafka', { skip: 'CAUDAL_TEST_KAFKA is not set: no broker to run against' }, () => {})
else {
  const protocol = await protocolAt(brokers)
  wireSuite({
    name: `Kafka at ${brokers.join(', ')}, transactions of protocol ${protocol}`,
    nodes: brokers.length,
    protocol,
    open: async () => socketClients(brokers),
  })
}

async function protocolAt(addresses: readonly string[]): Promise<TransactionProtocol> {
  const clients = socketClients(addresses)
  try {
    return await new Cluster(clients.wire(), systemClock).transactionProtocol()
  } finally {
    await clients.close()
  }
}
