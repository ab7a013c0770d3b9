/** A Kafka that takes nobody without TLS and a login by SCRAM, its own brokers included. */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxOptions } from '../../service/sandbox/sandbox.ts'
import { makeCertificates } from './certificates.ts'

export interface SecuredKafka {
  readonly sandbox: Pick<SandboxOptions, 'kafkaProperties' | 'kafkaUsers'>
  /** How the tests log in; see support/logins.ts. */
  readonly environment: Readonly<Record<string, string>>
}

const mechanism = 'SCRAM-SHA-512'
const module = 'org.apache.kafka.common.security.scram.ScramLoginModule required'

export function securedKafka(directory: string): SecuredKafka {
  const { authority, keyStore } = makeCertificates(directory)
  const [broker, tester] = [randomUUID(), randomUUID()]
  const passwordFile = join(directory, 'password')
  writeFileSync(passwordFile, `${tester}\n`, { mode: 0o600 })
  const kafkaProperties = {
    // The sandbox's listener keeps its name.
    'listener.security.protocol.map': 'PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority,
    'sasl.enabled.mechanisms': mechanism,
    'sasl.mechanism.inter.broker.protocol': mechanism,
    'listener.name.plaintext.scram-sha-512.sasl.jaas.config': `${module} username="broker" password="${broker}";`,
  }
  return {
    sandbox: { kafkaProperties, kafkaUsers: { broker, tester } },
    environment: {
      CAUDAL_TEST_KAFKA_CA: authority,
      CAUDAL_TEST_KAFKA_LOGIN: `${mechanism.toLowerCase()} tester ${passwordFile}`,
    },
  }
}
