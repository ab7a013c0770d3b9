/** A local Kafka cluster of one or more nodes (broker, controller, or both in one process), as plain Java processes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { FatalError } from '../errors.ts'
import { findCommand } from './commands.ts'
import { type GuardedProcess, type GuardedProcesses, logTail } from './guarded-processes.ts'
import { answers, untilReady } from './readiness.ts'
import { type KafkaNode, nodeProperties } from './server-properties.ts'
import type { Starting } from './starting.ts'

const startTimeoutMs = 120_000
const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.properties')}`
const formatOptions = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', logging]
const serverOptions = [
  '-Xms128m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-Xss512k',
  '-XX:MaxMetaspaceSize=192m',
  '-Djava.awt.headless=true',
  logging,
]

export class KafkaProcesses {
  #nodes: readonly KafkaNode[]
  readonly #libraries: string
  readonly #properties: Readonly<Record<string, string>>
  readonly #features: Readonly<Record<string, number>>
  readonly #users: Readonly<Record<string, string>>
  readonly #processes: GuardedProcesses
  readonly #starting: Starting
  /** By id of the node. */
  readonly #running = new Map<number, GuardedProcess>()

  constructor(options: {
    readonly nodes: readonly KafkaNode[]
    /** The directory of the broker's jars. */
    readonly libraries: string
    /** Broker settings over those of the sandbox. */
    readonly properties: Readonly<Record<string, string>>
    /** Levels of features with which the cluster begins, where they are not to be the Kafka's own. */
    readonly features: Readonly<Record<string, number>>
    /** Names and passwords of users that the cluster begins with. */
    readonly users: Readonly<Record<string, string>>
    readonly processes: GuardedProcesses
    readonly starting: Starting
  }) {
    this.#nodes = options.nodes
    this.#libraries = options.libraries
    this.#properties = options.properties
    this.#features = options.features
    this.#users = options.users
    this.#processes = options.processes
    this.#starting = options.starting
  }

  get nodes(): readonly KafkaNode[] {
    return this.#nodes
  }

  get addresses(): readonly string[] {
    return this.nodes.flatMap(({ port }) => (port === null ? [] : [`127.0.0.1:${port}`]))
  }

  get pids(): readonly number[] {
    return [...this.#running.values()].map(({ pid }) => pid)
  }

  /** Signals one node (1, 2, …), or all of them. */
  kill(signal: NodeJS.Signals = 'SIGKILL', id?: number): void {
    for (const node of this.#chosen(id)) this.#running.get(node.id)?.kill(signal)
  }

  /** Resolves when the process of one node (1, 2, …), or of all, has ended, whoever ended it. */
  async ended(id?: number): Promise<void> {
    await Promise.all(this.#chosen(id).map(async (node) => this.#running.get(node.id)?.ended()))
  }

  /** Ends what still runs of one node, or of all, and starts it on the same ports with the same data. */
  async restart(id?: number): Promise<void> {
    this.kill('SIGKILL', id)
    await this.ended(id)
    await Promise.all(this.#chosen(id).map((node) => this.#startNode(node)))
  }

  /** From its next start on, clients find the node at this port. */
  move(id: number, port: number): void {
    this.#nodes = this.#nodes.map((node) => (node.id === id ? { ...node, port } : node))
    for (const node of this.#chosen(id)) this.#configure(node)
  }

  /** Formats the data directories and starts all nodes. */
  async start(): Promise<void> {
    // An id that begins with a dash would be read as an option.
    const cluster = systemClock.id().replace(/^-/, 'A')
    await Promise.all(this.nodes.map((node) => this.#format(node, cluster)))
    await Promise.all(this.nodes.map((node) => this.#startNode(node)))
  }

  async #format(node: KafkaNode, cluster: string): Promise<void> {
    const directory = this.#directory(node)
    this.#configure(node)
    const log = join(directory, 'format.log')
    const features = Object.entries(this.#features).flatMap(([name, level]) => ['--feature', `${name}=${level}`])
    const users = Object.entries(this.#users).flatMap(([name, password]) => [
      '--add-scram',
      `SCRAM-SHA-512=[name=${name},password=${password}]`,
    ])
    const args = [
      'kafka.tools.StorageTool',
      'format',
      '-t',
      cluster,
      '-c',
      join(directory, 'server.properties'),
      ...features,
      ...users,
    ]
    const format = await this.#java([...formatOptions, '-cp', `${this.#libraries}/*`, ...args], log)
    const end = await format.ended()
    if (end !== 'exit code 0') throw new FatalError(`Kafka's data directory could not be formatted (${end}):\n${logTail(log)}`)
  }

  #configure(node: KafkaNode): void {
    const directory = this.#directory(node)
    mkdirSync(directory, { recursive: true })
    const properties = nodeProperties(node, this.nodes, join(directory, 'data'), this.#properties)
    writeFileSync(join(directory, 'server.properties'), properties)
  }

  async #startNode(node: KafkaNode): Promise<void> {
    const directory = this.#directory(node)
    const log = join(directory, 'server.log')
    writeFileSync(log, '')
    const args = [...serverOptions, '-cp', `${this.#libraries}/*`, 'kafka.Kafka', join(directory, 'server.properties')]
    const server = await this.#java(args, log)
    this.#running.set(node.id, server)
    await untilReady(server, {
      ...this.#starting,
      name: this.nodes.length === 1 ? 'Kafka' : `Kafka node ${node.id}`,
      timeoutMs: startTimeoutMs,
      // The line alone comes before the port is open, and the open port alone before the node takes part in the cluster.
      ready: async () =>
        readFileSync(log, 'utf8').includes('Kafka Server started') && (await answers(node.port ?? node.controllerPort ?? 0)),
    })
  }

  async #java(args: readonly string[], log: string): Promise<GuardedProcess> {
    const java = findCommand('java')
    if (java === null) throw new FatalError('there is no Java on this machine (version 17 or newer is needed)')
    return this.#processes.start(java, args, log)
  }

  #directory(node: KafkaNode): string {
    return join(this.#processes.directory, `kafka-${node.id}`)
  }

  #chosen(id: number | undefined): readonly KafkaNode[] {
    return id === undefined ? this.nodes : this.nodes.filter((node) => node.id === id)
  }
}
