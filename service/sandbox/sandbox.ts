/** Kafka and Redis on this machine for `caudal dev`, the tests and the benchmarks: given addresses, plain processes, containers, or none (memory). */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { ConfigurationError, StoppedError } from '../errors.ts'
import { fetchKafka, fetchRedis, missingForKafka } from './artifacts.ts'
import { missingForDocker, startContainers } from './docker-sandbox.ts'
import { freePorts } from './free-port.ts'
import { GuardedProcesses } from './guarded-processes.ts'
import { KafkaProcesses } from './kafka-processes.ts'
import { PortTakenError } from './readiness.ts'
import { RedisProcess } from './redis-process.ts'
import type { KafkaNode } from './server-properties.ts'
import type { Starting } from './starting.ts'

export const sandboxKinds = ['auto', 'given', 'processes', 'docker', 'memory'] as const
export type SandboxKind = (typeof sandboxKinds)[number]

export interface SandboxOptions {
  /** Default `auto`: given addresses, else processes, else containers, else memory. */
  readonly kind?: SandboxKind | undefined
  readonly kafkaBrokers?: readonly string[] | undefined
  readonly redisUrl?: string | undefined
  /** Receives one line of plain text at each step, and at least every few seconds while something takes long. */
  readonly progress: (line: string) => void
  /** Where the sandbox makes a directory for its data, which it removes in the end. Default: the system's temporary directory. */
  readonly directory?: string | undefined
  /** Which Kafka to run, such as "3.9.1"; not for containers. Default: `kafkaVersion`. */
  readonly kafkaVersion?: string | undefined
  /** Broker settings over those of the sandbox; not for containers. */
  readonly kafkaProperties?: Readonly<Record<string, string>> | undefined
  /** Levels of features, such as `transaction.version`, with which the cluster begins; not for containers. Default: the Kafka's own. */
  readonly kafkaFeatures?: Readonly<Record<string, number>> | undefined
  /** Who can log in by SCRAM-SHA-512, with their passwords, where `kafkaProperties` ask for it; not for containers. */
  readonly kafkaUsers?: Readonly<Record<string, string>> | undefined
  /** Of containers there is one. */
  readonly brokers?: 1 | 3 | undefined
  /** Default `combined`: each broker is a controller too. `apart`: one controller in a process of its own, a node behind the brokers; not for containers. */
  readonly controller?: 'combined' | 'apart' | undefined
  /** Stops a start that is under way: it rejects with StoppedError and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined
}

export interface Sandbox {
  readonly kind: Exclude<SandboxKind, 'auto'>
  /** Empty where the kind is `memory`. */
  readonly kafkaBrokers: readonly string[]
  /** Null: state is held in memory. */
  readonly redisUrl: string | null
  /** Present where the sandbox runs the brokers itself. */
  readonly kafka?: Pick<KafkaProcesses, 'addresses' | 'pids' | 'kill' | 'ended' | 'restart' | 'move'>
  /** Present where the sandbox runs Redis itself. */
  readonly redis?: Pick<RedisProcess, 'pid' | 'kill' | 'restart'>
  /**
   * Ends all processes or containers and removes their data. Processes end with this one in any case; containers of one that was killed are
   * removed by the next start.
   */
  stop(): Promise<void>
}

/** What this machine lacks for a kind, as a reason for people; null where it is to be had. */
export interface Probes {
  readonly processes: () => string | null
  readonly docker: () => Promise<string | null>
}
const realProbes: Probes = { processes: missingForKafka, docker: missingForDocker }

const portTriesMax = 4
const nothing = async () => {}

/**
 * Starts the sandbox.
 * @throws ConfigurationError when the kind asked for is not to be had here; FatalError when a download or a server fails, with the end of its log
 */
export async function startSandbox(options: SandboxOptions, probes: Probes = realProbes): Promise<Sandbox> {
  const { kind = 'auto', kafkaBrokers = [], redisUrl = null } = options
  const given = kafkaBrokers.length > 0
  if (kind === 'given' && !given)
    throw new ConfigurationError(['sandbox.kind is "given", but kafka.brokers is not: give the addresses of a Kafka cluster'])
  if (kind === 'given' || (kind === 'auto' && given)) return { kind: 'given', kafkaBrokers, redisUrl, stop: nothing }
  if (kind === 'memory') return memory()
  const noProcesses = kind === 'docker' ? 'not asked for' : probes.processes()
  if (noProcesses === null) return startProcesses(options)
  if (kind === 'processes') throw new ConfigurationError([`sandbox.kind is "processes", but ${noProcesses}`])
  const noDocker = await probes.docker()
  if (noDocker === null) return { kind: 'docker', ...(await startContainers(options)) }
  if (kind === 'docker') throw new ConfigurationError([`sandbox.kind is "docker", but ${noDocker}`])
  options.progress(
    `no real Kafka: ${noProcesses}, and ${noDocker}. An in-memory Kafka takes its place; what it holds ends with this process.`,
  )
  return memory()
}

const memory = (): Sandbox => ({ kind: 'memory', kafkaBrokers: [], redisUrl: null, stop: nothing })

/** Two sandboxes that draw the same free port are rare; the one that loses starts again with other ports. */
async function startProcesses(options: SandboxOptions): Promise<Sandbox> {
  const { progress, signal } = options
  const libraries = await fetchKafka({ progress, signal }, options.kafkaVersion)
  const redisServer = options.redisUrl === undefined ? await findRedis({ progress, signal }) : null
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options, libraries, redisServer)
    } catch (error) {
      if (signal?.aborted) throw new StoppedError('stopped while the sandbox started', { cause: error })
      if (!(error instanceof PortTakenError) || tries === portTriesMax) throw error
      progress('another process took the same port; starting again with another one')
    }
  }
}

/** Kafka without Redis is a sandbox all the same: the state is then held in memory. */
async function findRedis(starting: Starting): Promise<string | null> {
  try {
    return await fetchRedis(starting)
  } catch (error) {
    if (error instanceof StoppedError) throw error
    starting.progress(`no Redis, so state is held in memory: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

async function startOnce(options: SandboxOptions, libraries: string, redisServer: string | null): Promise<Sandbox> {
  const { progress, signal, kafkaProperties = {}, kafkaFeatures = {}, kafkaUsers = {}, brokers = 1, redisUrl = null } = options
  const begin = systemClock.monotonic()
  const parent = options.directory ?? tmpdir()
  mkdirSync(parent, { recursive: true })
  const processes = new GuardedProcesses(mkdtempSync(join(parent, 'caudal-sandbox-')))
  try {
    const [redisPort = 0, ...ports] = await freePorts(2 * brokers + 1, systemClock)
    const starting = { progress, signal }
    const nodes = nodesOf(brokers, options.controller ?? 'combined', ports)
    const kafka = new KafkaProcesses({
      nodes,
      libraries,
      properties: kafkaProperties,
      features: kafkaFeatures,
      users: kafkaUsers,
      processes,
      starting,
    })
    const redis = redisServer === null ? null : new RedisProcess(redisServer, redisPort, processes, starting)
    progress(`starting Kafka${redis ? ' and Redis' : ''}`)
    await Promise.all([kafka.start(), redis?.start()])
    const seconds = ((systemClock.monotonic() - begin) / 1000).toFixed(1)
    progress(`Kafka is up at ${kafka.addresses.join(',')}${redis ? `, Redis at ${redis.url}` : ''} (${seconds} s)`)
    const common = { kind: 'processes', kafkaBrokers: kafka.addresses, kafka, stop: () => processes.close() } as const
    return redis ? { ...common, redisUrl: redis.url, redis } : { ...common, redisUrl }
  } catch (error) {
    await processes.close()
    throw error
  }
}

/** `ports`: two for each broker. */
function nodesOf(brokers: number, controller: 'combined' | 'apart', ports: readonly number[]): readonly KafkaNode[] {
  const combined = Array.from({ length: brokers }, (_, i) => ({
    id: i + 1,
    port: ports[2 * i] ?? 0,
    controllerPort: ports[2 * i + 1] ?? 0,
  }))
  if (controller === 'combined') return combined
  const alone = { id: brokers + 1, port: null, controllerPort: combined[0]?.controllerPort ?? 0 }
  return [...combined.map((node) => ({ ...node, controllerPort: null })), alone]
}
