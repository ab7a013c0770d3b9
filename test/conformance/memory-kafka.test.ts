/** The Wire port of the in-memory Kafka, under either protocol of transactions: three nodes, markers that land a little after EndTxn. */
import { systemClock } from '../../service/clock.ts'
import { MemoryKafka } from '../../service/memory/memory-kafka.ts'
import { wireSuite } from './wire-suite.ts'

for (const protocol of [2, 1] as const) {
  wireSuite({
    name: `in-memory Kafka, transactions of protocol ${protocol}`,
    nodes: 3,
    protocol,
    open: async () => {
      const kafka = new MemoryKafka({ clock: systemClock, brokers: 3, markerDelayMs: 5, transactionProtocol: protocol })
      return { wire: (clientId) => kafka.wire(clientId), close: async () => kafka.close() }
    },
  })
}
