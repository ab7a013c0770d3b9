import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { generate } from '../../scripts/generate-messages.ts'
import { cacheDirectory, kafkaVersion } from '../../service/sandbox/artifacts.ts'

const jar =
  process.env['KAFKA_CLIENTS_JAR'] ?? join(cacheDirectory(), `kafka-${kafkaVersion}`, `kafka-clients-${kafkaVersion}.jar`)
const skip = existsSync(jar) ? false : `there is no ${jar}: start the sandbox once, or set KAFKA_CLIENTS_JAR`

test("tables and types are those of Kafka's own message descriptions", { skip }, () => {
  const { tables, messages } = generate(jar)
  assert.equal(unformatted(fileText('tables.ts')), unformatted(tables))
  assert.equal(unformatted(fileText('messages.ts')), unformatted(messages))
})

const fileText = (name: string) => readFileSync(join(import.meta.dirname, '../../service/kafka/wire', name), 'utf8')

/** Without what the formatter decides: white space, and the bar in front of the first member of a union. */
const unformatted = (text: string) => text.replaceAll(/\s+/g, '').replaceAll(':|', ':')
