/** Every configuration key there is, with its kind, its default and a sentence: the one list that names, help and checks read. */
import { isRedisUrl, redisSchemes } from './redis-url.ts'
import {
  addresses,
  byteCount,
  flag,
  integer,
  maybeMatching,
  maybeName,
  maybeOneOf,
  maybeText,
  maybeUrl,
  milliseconds,
  name,
  oneOf,
  type Setting,
  word,
} from './setting.ts'

const megabyte = 1024 * 1024

export const settings = {
  applicationId: maybeName(
    'Group id and prefix of internal topics, transactional ids and Redis keys; default: the name of the topology.',
  ),
  instanceId: maybeName('A name that outlives restarts, such as a pod’s: static membership; default: random.'),
  workers: integer([1, 64], { default: 1, help: 'Worker threads of this process.' }),
  kafka: {
    brokers: addresses('Bootstrap brokers, host:port, separated by commas.'),
    clientId: name({ default: 'caudal', help: 'The client’s name in the logs of the brokers.' }),
    ssl: {
      enabled: flag({ default: false, help: 'TLS to the brokers.' }),
      ca: maybeText('Certificate authority, PEM; default: those of the system.', { fromFile: true }),
      cert: maybeText('Client certificate, PEM.', { fromFile: true }),
      key: maybeText('Key of the client certificate, PEM.', { secret: true }),
    },
    sasl: {
      mechanism: maybeOneOf(['plain', 'scram-sha-256', 'scram-sha-512'], 'How to log in to the brokers; default: not at all.'),
      username: maybeText('Name for the login.'),
      password: maybeText('Password for the login.', { secret: true }),
    },
    compression: oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd'], { default: 'none', help: 'Of what is written.' }),
    sessionTimeoutMs: milliseconds(1_000, { default: 10_000, help: 'A worker that is silent for this long loses its tasks.' }),
    heartbeatIntervalMs: milliseconds(100, {
      default: 3_000,
      help: 'Between two heartbeats; at most a third of the session time-out.',
    }),
    rebalanceTimeoutMs: milliseconds(1_000, {
      default: 60_000,
      help: 'How long a rebalance waits for a worker to give tasks back.',
    }),
    transactionTimeoutMs: milliseconds(1_000, {
      default: 10_000,
      help: 'The broker aborts a transaction that is open for longer.',
    }),
    replicationFactor: integer([-1, 32_767], { default: -1, help: 'Of internal topics; −1: the broker’s default.' }),
  },
  redis: {
    url: maybeMatching(
      isRedisUrl,
      `a URL that begins with ${redisSchemes.map((scheme) => `${scheme}://`).join(', ')}`,
      'Where state is kept; default: in memory, rebuilt from the changelog after a restart.',
    ),
    ca: maybeText('Certificate authority of Redis, PEM; default: those of the system.', { fromFile: true }),
    password: maybeText('Password for Redis.', { secret: true }),
    commandTimeoutMs: milliseconds(100, { default: 2_000, help: 'A command without an answer for this long is asked again.' }),
  },
  schemaRegistry: {
    url: maybeUrl(['http:', 'https:'], 'Where schemas are, for codecs of schemaRegistry() that name no other place.'),
    username: maybeText('Name for the schema registry.'),
    password: maybeText('Password for the schema registry.', { secret: true }),
  },
  http: {
    host: word({ default: '127.0.0.1', help: 'Address that metrics, health and the status page listen on.' }),
    port: integer([0, 65_535], { default: 8080, help: 'Their port; 0: any free one.' }),
  },
  logLevel: oneOf(['debug', 'info', 'warn', 'error', 'silent'], { default: 'info', help: 'The least that is logged.' }),
  logFile: maybeText('Where the log goes; default: standard error.'),
  batchRecordsMax: integer([1, 10_000_000], { default: 50_000, help: 'Records in a batch of one worker.' }),
  batchBytesMax: byteCount({ default: 16 * megabyte, help: 'Bytes of keys and values in a batch of one worker.' }),
  batchTimeoutMs: milliseconds(1_000, {
    default: 60_000,
    help: 'Without progress for this long, heartbeats stop and tasks move on.',
  }),
  startTimeoutMs: milliseconds(1_000, { default: 60_000, help: 'How long brokers may be unreachable at the start.' }),
  shutdownTimeoutMs: milliseconds(0, { default: 10_000, help: 'How long a stop may take before it is forced.' }),
  livenessTimeoutMs: milliseconds(1_000, {
    default: 60_000,
    help: '/health/live fails when there is work and no progress for this long.',
  }),
  cacheBytesMax: byteCount({ default: 256 * megabyte, help: 'Decoded state in the memory of one worker.' }),
  applyQueueBytesMax: byteCount({
    default: 64 * megabyte,
    help: 'Committed changes of one worker that wait to be written to Redis.',
  }),
  readAheadBytesMax: byteCount({ default: 32 * megabyte, help: 'Bytes that one worker fetches ahead of its batches.' }),
  sandbox: {
    kind: oneOf(['auto', 'given', 'processes', 'docker', 'memory'], {
      default: 'auto',
      help: 'What `dev` runs on: given addresses, Kafka and Redis as processes or in Docker, or a Kafka in memory; auto: the first that is to be had.',
    }),
  },
} as const satisfies SettingTree

interface SettingTree {
  readonly [key: string]: Setting | SettingTree
}

type ValuesOf<Tree> = { readonly [K in keyof Tree]: Tree[K] extends Setting<infer Value> ? Value : ValuesOf<Tree[K]> }

/** All settings, nested as their keys are; plain values, so that it crosses to worker threads. */
export type Configuration = ValuesOf<typeof settings>

function flatten(tree: object, prefix: string): (readonly [string, Setting])[] {
  return Object.entries(tree).flatMap(([key, node]: [string, Setting | object]) =>
    'expects' in node ? [[prefix + key, node] as const] : flatten(node, `${prefix}${key}.`),
  )
}

/** By dotted key: `kafka.sessionTimeoutMs`. */
export const settingsByKey: ReadonlyMap<string, Setting> = new Map(flatten(settings, ''))
