/**
 * How a Kafka wants to be reached that asks for TLS and a login. CAUDAL_TEST_KAFKA_CA: a file with the certificate authority of the brokers.
 * CAUDAL_TEST_KAFKA_LOGIN: mechanism, name and a file with the password, with blanks between.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file, PEM. */
export const kafkaCa = process.env['CAUDAL_TEST_KAFKA_CA']

export const kafkaLogin = loginOf(process.env['CAUDAL_TEST_KAFKA_LOGIN'])

function loginOf(text: string | undefined) {
  if (text === undefined) return null
  const [mechanism = '', username = '', passwordFile = ''] = text.split(' ')
  return { mechanism, username, passwordFile }
}

/** A file for Kafka's own command line tools; null where they need none. */
export function toolConfig(): string | null {
  if (kafkaCa === undefined || kafkaLogin === null) return null
  const { mechanism, username, passwordFile } = kafkaLogin
  const password = readFileSync(passwordFile, 'utf8').trim()
  const login = `org.apache.kafka.common.security.scram.ScramLoginModule required username="${username}" password="${password}";`
  const properties = {
    'security.protocol': 'SASL_SSL',
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': kafkaCa,
    'sasl.mechanism': mechanism.toUpperCase(),
    'sasl.jaas.config': login,
  }
  const file = join(tmpdir(), `caudal-test-client-${process.pid}.properties`)
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(file, lines.join(''), { mode: 0o600 })
  process.once('exit', () => rmSync(file, { force: true }))
  return file
}
