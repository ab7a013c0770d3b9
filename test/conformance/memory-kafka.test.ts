/** The Wire port of the in-memory Kafka: three nodes, markers that land a little after EndTxn. */
import { systemClock } from '../../service/clock.ts'
import { MemoryKafka } from '../../service/memory/memory-kafka.ts'
import { wireSuite } from './wire-suite.ts'

wireSuite({
  name: 'in-memory Kafka',
  nodes: 3,
  open: async () => {
    const kafka = new MemoryKafka({ clock: systemClock, brokers: 3, markerDelayMs: 5 })
    return { wire: (clientId) => kafka.wire(clientId), close: async () => kafka.close() }
  },
})
