/** Kafka and Redis as containers of their official images; alone in using the client of Docker, which it loads when it comes to it. */
import { hostname } from 'node:os'
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers'
import { systemClock } from '../clock.ts'
import { FatalError, StoppedError } from '../errors.ts'
import { kafkaVersion } from './artifacts.ts'
import { freePorts } from './free-port.ts'
import { brokerSettings } from './server-properties.ts'
import type { Starting } from './starting.ts'

export interface Containers {
  readonly kafkaBrokers: readonly string[]
  readonly redisUrl: string
  /** Ends the containers and removes them with their volumes. */
  stop(): Promise<void>
}

interface ContainersOptions extends Starting {
  /** A Redis that is there already: none is started then. */
  readonly redisUrl?: string | undefined
}

const kafkaImage = `apache/kafka:${kafkaVersion}`
const redisImage = 'redis:7'
/** Pulling the images is part of a first start. */
const startTimeoutMs = 300_000
const progressIntervalMs = 5_000
const ports = { clients: 9092, controller: 9093, broker: 9094, redis: 6379 }
/** Whose containers are whose: the machine and the process that started them. */
const ownerLabel = 'caudal.sandbox.owner'
const owner = { [ownerLabel]: `${hostname()}/${process.pid}` }

/** What containers lack on this machine, as a reason for people; null where they will run. */
export async function missingForDocker(): Promise<string | null> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    await getContainerRuntimeClient()
    return null
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
    return isAbsent ? 'the package testcontainers is not installed' : 'no Docker engine answers'
  }
}

/** To be called where `missingForDocker` found nothing. @throws FatalError when a container does not come up; StoppedError */
export async function startContainers(options: ContainersOptions): Promise<Containers> {
  const { progress, signal } = options
  const { getContainerRuntimeClient } = await import('testcontainers')
  const client = await getContainerRuntimeClient()
  await removeLeftovers(client)
  await chooseReaper(client)
  const begin = systemClock.monotonic()
  progress(`starting ${kafkaImage}${options.redisUrl === undefined ? ` and ${redisImage}` : ''} in Docker`)
  const over = new AbortController()
  void tellWhile(over.signal, progress, begin)
  const starting = [startKafka(client), ...(options.redisUrl === undefined ? [startRedis()] : [])]
  const settled = await Promise.allSettled(starting)
  over.abort()
  const started = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const stop = async () => void (await Promise.all(started.map(({ container }) => remove(container))))
  const failure = settled.find((result) => result.status === 'rejected')
  if (failure !== undefined || signal?.aborted) await stop()
  if (signal?.aborted) throw new StoppedError('stopped while the sandbox started')
  if (failure !== undefined) throw notStarted(failure.reason)
  const [kafka, redis] = started.map(({ address }) => address)
  const redisUrl = options.redisUrl ?? `redis://${redis}`
  progress(`Kafka is up at ${kafka}${redis ? `, Redis at ${redisUrl}` : ''} (${secondsSince(begin)} s)`)
  return { kafkaBrokers: [kafka ?? ''], redisUrl, stop }
}

interface Started {
  readonly container: StartedTestContainer
  /** `host:port`, as this process reaches it. */
  readonly address: string
}

/** A broker tells clients where it is before Docker would tell where its port was put, so the port is chosen here. */
async function startKafka(client: ContainerRuntimeClient): Promise<Started> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const [port = 0] = await freePorts(1, systemClock)
  const address = `${client.info.containerRuntime.host}:${port}`
  const container = await new GenericContainer(kafkaImage)
    .withEnvironment(kafkaEnvironment(address))
    .withExposedPorts({ container: ports.clients, host: port })
    .withLabels(owner)
    .withWaitStrategy(Wait.forAll([Wait.forLogMessage('Kafka Server started'), Wait.forListeningPorts()]))
    .withStartupTimeout(startTimeoutMs)
    .start()
  return { container, address }
}

async function startRedis(): Promise<Started> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const container = await new GenericContainer(redisImage)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction'])
    .withExposedPorts(ports.redis)
    .withLabels(owner)
    .withWaitStrategy(Wait.forAll([Wait.forLogMessage('Ready to accept connections'), Wait.forListeningPorts()]))
    .withStartupTimeout(startTimeoutMs)
    .start()
  return { container, address: `${container.getHost()}:${container.getMappedPort(ports.redis)}` }
}

/** The image takes `a.b_c` as `KAFKA_A_B__C`. The broker speaks to itself on a listener of its own: from inside, `address` leads nowhere. */
function kafkaEnvironment(address: string): Record<string, string> {
  const settings = {
    ...brokerSettings(1),
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@localhost:${ports.controller}`,
    listeners: `PLAINTEXT://:${ports.clients},CONTROLLER://:${ports.controller},BROKER://:${ports.broker}`,
    'advertised.listeners': `PLAINTEXT://${address},BROKER://localhost:${ports.broker}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BROKER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'BROKER',
  }
  const variable = (name: string) => `KAFKA_${name.replaceAll('_', '__').replaceAll('.', '_').toUpperCase()}`
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [variable(name), `${value}`]))
}

/** A process that was killed leaves its containers behind where nothing else removes them. */
async function removeLeftovers({ container: { dockerode } }: ContainerRuntimeClient): Promise<void> {
  const found = await dockerode.listContainers({ all: true, filters: { label: [ownerLabel] } })
  const left = found.filter(({ Labels }) => isGone(Labels[ownerLabel] ?? ''))
  // Another process may be removing the same ones.
  await Promise.allSettled(left.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })))
}

function isGone(label: string): boolean {
  const slash = label.lastIndexOf('/')
  if (label.slice(0, slash) !== hostname()) return false
  try {
    process.kill(Number(label.slice(slash + 1)), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Testcontainers' reaper ends containers with their owner, but is an image of its own that has to be pulled and given Docker's socket. Where
 * it can't run, leftovers are for the next start.
 */
async function chooseReaper(client: ContainerRuntimeClient): Promise<void> {
  const { getReaper } = await import('testcontainers')
  try {
    await getReaper(client)
  } catch (ignored) {
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  }
}

/** At once, as nothing in it is wanted any more. One that has gone by itself is no fault. */
async function remove(container: StartedTestContainer): Promise<void> {
  try {
    await container.stop({ timeout: 0, remove: true, removeVolumes: true })
  } catch (ignored) {
    // Its label leads the next start to what is left of it.
  }
}

async function tellWhile(over: AbortSignal, progress: Starting['progress'], begin: number): Promise<void> {
  while (!over.aborted) {
    await systemClock.sleep(progressIntervalMs, over)
    if (!over.aborted) progress(`starting containers: ${secondsSince(begin)} s so far`)
  }
}

const secondsSince = (begin: number) => ((systemClock.monotonic() - begin) / 1000).toFixed(1)

function notStarted(reason: unknown): FatalError {
  const message = reason instanceof Error ? reason.message : String(reason)
  return new FatalError(`the containers of the sandbox could not be started: ${message}`, { cause: reason })
}
