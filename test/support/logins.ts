/**
 * How the clients of tests, and the workers that they start, reach servers that want TLS or a login. CAUDAL_TEST_REDIS_CA: a file with the
 * certificate authority of Redis; its password is in CAUDAL_TEST_REDIS. For those of Kafka see kafka-login.ts.
 */
import { readFileSync } from 'node:fs'
import { Cluster, Redis } from 'ioredis'
import type { KafkaConfig } from 'kafkajs'
import { kafkaCa, kafkaLogin } from './kafka-login.ts'

const redisCa = process.env['CAUDAL_TEST_REDIS_CA']

/** For clients that speak Kafka's protocol from here: those of stock kafkajs, and caudal's own. */
export const kafkaLogins: Pick<KafkaConfig, 'sasl'> & { readonly ssl?: { readonly ca: string } } = {
  ...(kafkaCa === undefined ? {} : { ssl: { ca: readFileSync(kafkaCa, 'utf8') } }),
  ...(kafkaLogin === null
    ? {}
    : {
        sasl: {
          mechanism: kafkaLogin.mechanism as 'scram-sha-512',
          username: kafkaLogin.username,
          password: readFileSync(kafkaLogin.passwordFile, 'utf8').trim(),
        },
      }),
}

/** What a `caudal` process is given in its environment, with a Redis at `redisUrl` or none. */
export const workerLogins = (redisUrl: unknown): Readonly<Record<string, string>> => ({
  ...(kafkaCa === undefined ? {} : { CAUDAL_KAFKA_SSL_ENABLED: 'true', CAUDAL_KAFKA_SSL_CA_FILE: kafkaCa }),
  ...(kafkaLogin === null
    ? {}
    : {
        CAUDAL_KAFKA_SASL_MECHANISM: kafkaLogin.mechanism,
        CAUDAL_KAFKA_SASL_USERNAME: kafkaLogin.username,
        CAUDAL_KAFKA_SASL_PASSWORD_FILE: kafkaLogin.passwordFile,
      }),
  ...(redisCa === undefined || redisUrl === undefined ? {} : { CAUDAL_REDIS_CA_FILE: redisCa }),
})

/** For caudal's own client of Redis. */
export const redisAuthority: { readonly ca?: string } = redisCa === undefined ? {} : { ca: readFileSync(redisCa, 'utf8') }

/** A client of a Redis or a cluster, by its URL, as a test uses one: it waits for its connection. */
export function redisClient(url: string): Redis | Cluster {
  const tls = redisCa === undefined ? {} : { tls: redisAuthority }
  const [, , host = '', port] = /^(rediss?-cluster):\/\/([^:]+):(\d+)/.exec(url) ?? []
  return port === undefined ? new Redis(url, tls) : new Cluster([{ host, port: Number(port) }], { redisOptions: tls })
}
