import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import {
  type Configuration,
  defaultConfiguration,
  kafkaSecurity,
  loadConfiguration,
  printable,
  redisAddress,
  schemaRegistryAddress,
} from '../../service/config.ts'
import { ConfigurationError } from '../../service/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'caudal-config-'))
after(() => rmSync(directory, { recursive: true }))

function write(name: string, content: unknown): string {
  const path = join(directory, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const flag = (key: string, value: unknown) => ({ given: [{ key, value, from: `--${key}` }], defects: [] })

function defectsOf(load: () => unknown): readonly string[] {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigurationError)
    return error.defects
  }
  return []
}

suite('configuration', () => {
  test('defaults are as the design has them', () => {
    assert.equal(defaultConfiguration.batchRecordsMax, 50_000)
    assert.equal(defaultConfiguration.batchBytesMax, 16 * 1024 * 1024)
    assert.equal(defaultConfiguration.kafka.sessionTimeoutMs, 10_000)
    assert.equal(defaultConfiguration.redis.url, null)
    assert.equal(defaultConfiguration.http.host, '127.0.0.1')
    assert.deepEqual(structuredClone(defaultConfiguration), defaultConfiguration)
  })

  test('files beat defaults, the environment beats files, flags beat the environment', () => {
    const first = write('first.json', { workers: 2, batchRecordsMax: 10, kafka: { clientId: 'file' }, http: { port: 1 } })
    const second = write('second.json', { batchRecordsMax: 20 })
    const configuration = loadConfiguration({
      directory,
      files: [first, second],
      environment: { CAUDAL_WORKERS: '3', CAUDAL_HTTP_PORT: '2', CAUDAL_LOG_LEVEL: '', PATH: '/bin' },
      flags: flag('http.port', '4'),
      commandDefaults: { http: { port: 9 }, logLevel: 'warn' },
    })
    const { workers, batchRecordsMax, kafka, http, logLevel } = configuration
    assert.deepEqual([workers, batchRecordsMax, kafka.clientId, http.port, logLevel], [3, 20, 'file', 4, 'warn'])
  })

  test('config/default.json of the directory is read where it is there', () => {
    const project = mkdtempSync(join(tmpdir(), 'caudal-config-'))
    mkdirSync(join(project, 'config'))
    writeFileSync(join(project, 'config', 'default.json'), '{ "workers": 5 }')
    assert.equal(loadConfiguration({ directory: project }).workers, 5)
    rmSync(project, { recursive: true })
    assert.equal(loadConfiguration({ directory: project }).workers, 1)
  })

  test('text and JSON are read alike', () => {
    const file = write('kinds.json', { kafka: { brokers: ['a:1', 'b:2'], ssl: { enabled: true } } })
    const text = { CAUDAL_KAFKA_BROKERS: 'a:1, b:2', CAUDAL_KAFKA_SSL_ENABLED: 'true' }
    assert.deepEqual(loadConfiguration({ directory, files: [file] }), loadConfiguration({ directory, environment: text }))
  })

  test('every defect of every source is listed', () => {
    const file = write('wrong.json', { kafka: { broker: 'a:1', sessionTimeoutMs: 'soon' }, workers: 1.5 })
    const broken = write('broken.json', '{')
    const defects = defectsOf(() =>
      loadConfiguration({
        directory,
        files: [file, broken, 'absent.json'],
        environment: { CAUDAL_KAFKA_BROKRS: 'a:1', CAUDAL_BATCH_RECORDS_MAX: '0', CAUDAL_NOTHING_LIKE_IT_AT_ALL: '1' },
        flags: flag('kafka.compression', 'zip'),
        check: () => ['a defect of the command'],
      }),
    )
    assert.deepEqual(
      defects.map((defect) => defect.replace(/\(.*\)$/, '(…)')),
      [
        `${file}: kafka.broker: unknown key; did you mean kafka.brokers?`,
        `${broken}: is not JSON (…)`,
        'absent.json: no such file',
        'CAUDAL_KAFKA_BROKRS: unknown key; did you mean CAUDAL_KAFKA_BROKERS?',
        'CAUDAL_NOTHING_LIKE_IT_AT_ALL: unknown key',
        `${file}: workers: must be an integer from 1 to 64, is 1.5`,
        '--kafka.compression: must be one of none, gzip, snappy, lz4, zstd, is "zip"',
        `${file}: kafka.sessionTimeoutMs: must be an integer from 1000 to 2147483647, is "soon"`,
        'CAUDAL_BATCH_RECORDS_MAX: must be an integer from 1 to 10000000, is "0"',
        'a defect of the command',
      ],
    )
  })

  test('values that contradict each other are refused', () => {
    const environment = {
      CAUDAL_KAFKA_SASL_MECHANISM: 'plain',
      CAUDAL_KAFKA_SSL_CERT: 'PEM',
      CAUDAL_KAFKA_HEARTBEAT_INTERVAL_MS: '5000',
      CAUDAL_KAFKA_REPLICATION_FACTOR: '0',
    }
    const defects = defectsOf(() => loadConfiguration({ directory, environment }))
    assert.deepEqual(
      defects.map((defect) => defect.split(':')[0]),
      [
        'kafka.sasl.mechanism',
        'kafka.ssl.ca, kafka.ssl.cert, kafka.ssl.key',
        'kafka.ssl.cert and kafka.ssl.key',
        'kafka.heartbeatIntervalMs',
        'kafka.replicationFactor',
      ],
    )
  })

  for (const brokers of ['localhost', 'a:0', 'a:70000', 'a b:1', 'http://a:1']) {
    test(`"${brokers}" is no broker address`, () => {
      const environment = { CAUDAL_KAFKA_BROKERS: brokers }
      assert.equal(defectsOf(() => loadConfiguration({ directory, environment })).length, 1)
    })
  }
})

suite('secrets', () => {
  const load = (environment: Record<string, string>): Configuration => loadConfiguration({ directory, environment })

  test('come from files, without the line end', () => {
    const file = write('password', 'hush\n')
    assert.equal(load({ CAUDAL_REDIS_PASSWORD_FILE: file }).redis.password, 'hush')
    const settings = write('sasl.json', { kafka: { sasl: { mechanism: 'plain', username: 'me', passwordFile: file } } })
    assert.equal(loadConfiguration({ directory, files: [settings] }).kafka.sasl.password, 'hush')
  })

  test('a later layer beats an earlier one, whichever of the two spellings it has', () => {
    const file = write('password', 'from a file')
    const settings = write('redis.json', { redis: { password: 'from settings' } })
    const load = (key: string, value: string) => loadConfiguration({ directory, files: [settings], flags: flag(key, value) })
    assert.equal(load('redis.passwordFile', file).redis.password, 'from a file')
    assert.equal(load('redis.password', 'from a flag').redis.password, 'from a flag')
  })

  test('are refused in both spellings at once, and where the file is missing', () => {
    const both = { CAUDAL_REDIS_PASSWORD: 'hush', CAUDAL_REDIS_PASSWORD_FILE: write('password', 'hush') }
    assert.match(defectsOf(() => load(both)).join(), /only one of the two/)
    const missing = { CAUDAL_REDIS_PASSWORD_FILE: join(directory, 'absent') }
    assert.match(defectsOf(() => load(missing)).join(), /CAUDAL_REDIS_PASSWORD_FILE: cannot be read/)
  })

  test('are printed neither in messages nor in the printable configuration', () => {
    const settings = write('secret.json', { redis: { password: 4711 } })
    assert.doesNotMatch(defectsOf(() => loadConfiguration({ directory, files: [settings] })).join(), /4711/)
    const url = 'redis://user:hush@cache:6379/1'
    const configuration = load({
      CAUDAL_REDIS_URL: url,
      CAUDAL_KAFKA_SSL_ENABLED: 'on',
      CAUDAL_KAFKA_SSL_KEY: 'hush',
      CAUDAL_KAFKA_SSL_CERT: 'c',
    })
    assert.doesNotMatch(JSON.stringify(printable(configuration)), /hush/)
    assert.equal(printable(configuration)['redis.url'], 'redis://user@cache:6379/1')
    assert.equal(redisAddress(configuration), url)
  })

  test('those of a schema registry stand apart from its URL', () => {
    const url = 'https://registry:8081/apis/ccompat/v7'
    const configuration = load({
      CAUDAL_SCHEMA_REGISTRY_URL: url,
      CAUDAL_SCHEMA_REGISTRY_USERNAME: 'ada',
      CAUDAL_SCHEMA_REGISTRY_PASSWORD_FILE: write('registry-password', 'hush\n'),
    })
    assert.deepEqual(schemaRegistryAddress(configuration), { url, username: 'ada', password: 'hush' })
    assert.equal(schemaRegistryAddress(load({})), null)
    assert.doesNotMatch(JSON.stringify(printable(configuration)), /hush/)
    const wrong = defectsOf(() => load({ CAUDAL_SCHEMA_REGISTRY_URL: 'https://ada:hush@registry' })).join()
    assert.match(wrong, /schemaRegistry\.url: holds a name or a password/)
    assert.doesNotMatch(wrong, /hush/)
    assert.match(defectsOf(() => load({ CAUDAL_SCHEMA_REGISTRY_USERNAME: 'ada' })).join(), /need each other/)
  })

  test('a wrong URL with a password in it is not repeated', () => {
    assert.doesNotMatch(defectsOf(() => load({ CAUDAL_REDIS_URL: 'http://user:hush@cache' })).join(), /hush/)
  })

  test('reach the clients in their own form', () => {
    assert.deepEqual(kafkaSecurity(defaultConfiguration), {})
    const environment = {
      CAUDAL_KAFKA_SSL_ENABLED: 'true',
      CAUDAL_KAFKA_SSL_CA: 'PEM',
      CAUDAL_KAFKA_SASL_MECHANISM: 'scram-sha-256',
      CAUDAL_KAFKA_SASL_USERNAME: 'me',
      CAUDAL_KAFKA_SASL_PASSWORD: 'hush',
    }
    const sasl = { mechanism: 'scram-sha-256', username: 'me', password: 'hush' }
    assert.deepEqual(kafkaSecurity(load(environment)), { ssl: { ca: 'PEM' }, sasl })
    assert.equal(redisAddress(load({ CAUDAL_REDIS_URL: 'redis://a:1', CAUDAL_REDIS_PASSWORD: 'p@ss' })), 'redis://:p%40ss@a:1')
  })

  test('a Redis may be a cluster or behind sentinels, by TLS with an authority of its own', () => {
    for (const [url, shown] of [
      ['rediss-cluster://me:p%40ss@a:7000,b,[::1]:7002', 'rediss-cluster://me@a:7000,b,[::1]:7002'],
      ['redis-sentinel://:p%40ss@a,b:1/main', 'redis-sentinel://a,b:1/main'],
    ] as const) {
      const configuration = load({ CAUDAL_REDIS_URL: url })
      assert.equal(printable(configuration)['redis.url'], shown)
      assert.equal(configuration.redis.password, 'p@ss')
      assert.equal(redisAddress(configuration), url)
    }
    const secured = { CAUDAL_REDIS_URL: 'rediss://a:1', CAUDAL_REDIS_CA_FILE: write('ca.pem', 'PEM') }
    assert.equal(load(secured).redis.ca, 'PEM')
    assert.match(defectsOf(() => load({ CAUDAL_REDIS_URL: 'redis://a', CAUDAL_REDIS_CA: 'PEM' })).join(), /redis\.ca: needs/)
    const twice = { CAUDAL_REDIS_URL: 'redis-cluster://:one@a', CAUDAL_REDIS_PASSWORD: 'two' }
    assert.match(defectsOf(() => load(twice)).join(), /both hold a password/)
    assert.match(defectsOf(() => load({ CAUDAL_REDIS_URL: 'redis-ring://a' })).join(), /begins with redis:\/\/.*rediss-sentinel/)
  })
})
