/** The servers that caudal is tried on beyond those of `npm test`: a row each, run by `npm run test:matrix`. */

import type { RedisKind } from './redis-kinds.ts'

export interface MatrixRow {
  readonly name: string
  /** Default: the newest. */
  readonly kafkaVersion?: string
  readonly kafkaProperties?: Readonly<Record<string, string>>
  readonly kafkaFeatures?: Readonly<Record<string, number>>
  /** Default: plain text, without a login. */
  readonly kafkaSecurity?: 'SCRAM over TLS'
  /** Default: that of `npm test`. */
  readonly redis?: RedisKind
  /** Of the tests, over the addresses of the row's own servers. */
  readonly environment?: Readonly<Record<string, string>>
  /** Parts of the paths of the test files, as `npm test` takes them. */
  readonly files: readonly string[]
}

/** The rules of the broker that the protocol code relies on, and the whole of it under kills. */
const kafkaFiles = ['conformance/real-kafka', 'conformance/kafka-wire', 'integration/kill']

/** All that the scripts promise, and state that is in this Redis under kills. */
const redisFiles = ['conformance/store-backend', 'integration/kill']

export const matrixRows: readonly MatrixRow[] = [
  { name: 'Kafka 3.7.2', kafkaVersion: '3.7.2', files: kafkaFiles },
  { name: 'Kafka 3.9.1', kafkaVersion: '3.9.1', files: kafkaFiles },
  { name: 'Kafka 4.3.1', kafkaVersion: '4.3.1', files: kafkaFiles },
  // A cluster that was upgraded from Kafka 3, and whose operator has not switched the protocol of transactions yet.
  { name: 'Kafka 4.3.1, protocol 1', kafkaVersion: '4.3.1', kafkaFeatures: { 'transaction.version': 0 }, files: kafkaFiles },
  { name: 'SASL/SCRAM over TLS', kafkaSecurity: 'SCRAM over TLS', files: kafkaFiles },
  { name: 'Redis over TLS, with a password', redis: 'tls', files: redisFiles },
  { name: 'Redis Cluster, 3 masters', redis: 'cluster', files: redisFiles },
  { name: 'Redis 8', redis: 'redis 8', files: redisFiles },
  { name: 'Valkey 9', redis: 'valkey 9', files: redisFiles },
]
