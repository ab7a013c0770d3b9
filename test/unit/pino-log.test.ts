import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfiguration, printable } from '../../service/config.ts'
import { pinoLog } from '../../service/pino-log.ts'

function collect(level: 'debug' | 'info' | 'silent') {
  const lines: string[] = []
  const log = pinoLog({ level, fields: { worker: 1 }, stream: { write: (line) => void lines.push(line) } })
  return { log, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('a line has level, time, message and fields', () => {
  const { log, lines } = collect('info')
  log.info({ topic: 'a' }, 'hello')
  const { time, ...rest } = lines()[0] ?? {}
  assert.deepEqual(rest, { level: 'info', worker: 1, topic: 'a', msg: 'hello' })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/)
})

test('levels below the given one are left out', () => {
  const { log, lines } = collect('info')
  log.debug({}, 'no')
  log.error({}, 'yes')
  const silent = collect('silent')
  silent.log.error({}, 'no')
  assert.deepEqual([lines().map(({ msg }) => msg), silent.lines()], [['yes'], []])
})

test('secrets are taken out, wherever the configuration stands in the fields', () => {
  const { log, lines } = collect('info')
  const { kafka, redis } = defaultConfiguration
  const configuration = {
    ...defaultConfiguration,
    kafka: { ...kafka, ssl: { ...kafka.ssl, key: 'hush' }, sasl: { ...kafka.sasl, password: 'hush' } },
    redis: { ...redis, password: 'hush' },
  }
  log.info(configuration, 'at the top')
  log.info({ configuration }, 'below')
  log.info({ configuration: printable(configuration), 'redis.password': 'hush' }, 'by key')
  assert.equal(lines().length, 3)
  assert.doesNotMatch(JSON.stringify(lines()), /hush/)
})

test('the key of a record is no secret', () => {
  const { log, lines } = collect('info')
  log.info({ key: 'customer-1' }, 'a record')
  assert.equal(lines()[0]?.['key'], 'customer-1')
})
