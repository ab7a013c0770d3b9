/** Which adapters a process runs on, as its configuration says; shared by the two composition roots, of the process and of its workers. */
import { systemClock } from './clock.ts'
import { type Configuration, kafkaSecurity, redisAddress } from './config.ts'
import { KafkaWire } from './kafka/wire/kafka-wire.ts'
import type { Wire } from './kafka/wire/wire.ts'
import type { Log } from './log.ts'
import type { WorkerSettings } from './runtime/worker-parts.ts'
import { continuousTrigger, intervalTrigger, type Trigger } from './runtime/trigger.ts'
import { MemoryStoreBackend } from './state/memory-store.ts'
import { RedisStoreBackend } from './state/redis-store.ts'
import type { StoreBackend } from './state/store-backend.ts'
import type { TopologyDefinition } from './topology/node.ts'

/** Connections to the brokers of the configuration. */
export function openKafkaWire(configuration: Configuration, clientId: string, log: Log): Wire {
  return new KafkaWire({ brokers: configuration.kafka.brokers, clientId, log, ...kafkaSecurity(configuration) })
}

/** Redis where one is configured, else memory. @throws ConfigurationError where Redis would evict state */
export async function openBackend(configuration: Configuration, log: Log): Promise<StoreBackend> {
  const url = redisAddress(configuration)
  if (url === null) return new MemoryStoreBackend()
  const { ca, commandTimeoutMs } = configuration.redis
  const redis = new RedisStoreBackend({ url, ...(ca === null ? {} : { ca }), log, clock: systemClock, commandTimeoutMs })
  await redis.connect()
  return redis
}

export function openTrigger({ trigger }: TopologyDefinition): Trigger {
  return trigger === 'continuous' ? continuousTrigger() : intervalTrigger(systemClock, trigger.everyMs)
}

/** How long a broker may hold a Fetch that finds nothing, as Kafka's own consumer lets it: an idle worker asks twice a second. */
const fetchWaitMs = 500
const fetchPartitionBytesMax = 2 * 1024 * 1024

export function workerSettings(configuration: Configuration): WorkerSettings {
  const { batchRecordsMax, batchBytesMax, readAheadBytesMax, cacheBytesMax, applyQueueBytesMax, kafka } = configuration
  return {
    batchRecordsMax,
    batchBytesMax,
    readAheadBytesMax,
    fetchPartitionBytesMax,
    fetchWaitMs,
    transactionTimeoutMs: kafka.transactionTimeoutMs,
    cacheBytesMax,
    applyQueueBytesMax,
    compression: kafka.compression,
    strict: false,
  }
}
