/** kafkajs' inside: how its connections are had without its protocol code, and what has to be true of it for that. */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { KafkaConfig, logCreator, LogEntry } from 'kafkajs'
import { ConfigurationError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { framedSocket } from './framed-socket.ts'

/** What is used here of kafkajs is not public, so that any other version could break it without a word. */
const kafkajsVersion = '2.2.4'

export interface SocketOptions {
  readonly clientId: string
  readonly ssl?: NonNullable<KafkaConfig['ssl']>
  readonly sasl?: NonNullable<KafkaConfig['sasl']>
  readonly connectionTimeoutMs: number
  readonly log: Log
}

/** A request in kafkajs' queue: `sendRequest` is called when its turn has come. */
export interface QueuedRequest {
  readonly entry: {
    readonly apiKey: number
    readonly apiName: string
    readonly apiVersion: number
    readonly correlationId: number
    readonly resolve: (answer: { readonly payload: Buffer }) => void
    readonly reject: (error: Error) => void
  }
  readonly expectResponse: true
  readonly requestTimeout: null
  readonly sendRequest: () => void
}

/** kafkajs' Connection, as far as it is used: one socket, connected and authenticated. */
export interface KafkajsConnection {
  /** Absent before the first attempt to connect. */
  readonly socket?: Socket
  readonly requestQueue: {
    push(request: QueuedRequest): void
    rejectAll(error: Error): void
    fulfillRequest(answer: { readonly size: number; readonly correlationId: number; readonly payload: Buffer }): void
  }
  /** While it logs in: who waits for what comes. */
  readonly authHandlers: object | null
  /** Takes what the socket has read. */
  processData: (bytes: Buffer) => void
  readonly sasl: object | null
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null
  isConnected(): boolean
  isAuthenticated(): boolean
  nextCorrelationId(): number
  /** Ends the socket as soon as nothing is in flight. */
  disconnect(): Promise<unknown>
}

interface KafkajsPool {
  readonly pool: readonly KafkajsConnection[]
}

interface KafkajsCluster {
  readonly connectionPoolBuilder: { build(address: { host: string; port: number }): Promise<KafkajsPool> }
}

interface KafkajsLogger {
  readonly namespace: (name: string) => KafkajsLogger
}

interface KafkajsBroker {
  connect(): Promise<void>
}

type KafkajsBrokerClass = new (options: { connectionPool: KafkajsPool; logger: KafkajsLogger }) => KafkajsBroker
type KafkajsClass = new (config: KafkaConfig) => { logger(): KafkajsLogger }

/** A connection that is not open yet: `connect` opens and authenticates it. */
export interface UnopenedConnection {
  readonly connection: KafkajsConnection
  connect(): Promise<void>
}

/**
 * A maker of connections.
 * @throws ConfigurationError when the kafkajs that is installed is not the one that this was written against
 */
export function kafkaSockets(options: SocketOptions): (host: string, port: number) => Promise<UnopenedConnection> {
  const require = createRequire(import.meta.url)
  checkVersion(require('kafkajs/package.json'))
  silenceIdleTimer(require('kafkajs/src/network/requestQueue/index.js'))
  const { Kafka, logLevel }: { Kafka: KafkajsClass; logLevel: { WARN: number } } = require('kafkajs')
  const Broker: KafkajsBrokerClass = require('kafkajs/src/broker/index.js')
  // kafkajs would copy every answer together from its pieces. With TLS it does: there the pieces are what TLS makes of them.
  const framed = options.ssl === undefined
  const kafka = new Kafka({
    brokers: [],
    clientId: options.clientId,
    connectionTimeout: options.connectionTimeoutMs,
    // Time-outs are ours: kafkajs judges them before it has read what waits in the socket.
    enforceRequestTimeout: false,
    retry: { retries: 0 },
    logLevel: logLevel.WARN,
    logCreator: forwardTo(options.log),
    ...(framed ? { socketFactory: ({ onConnect, ...address }) => framedSocket(address, onConnect) } : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
  })
  const builder = clusterOf(kafka).connectionPoolBuilder
  return async (host, port) => {
    const connectionPool = await builder.build({ host, port })
    const connection = connectionPool.pool[0]
    if (connection === undefined) throw new ConfigurationError(['kafkajs made a pool without connections'])
    if (framed) takeWholeFrames(connection)
    else endWhatIsNoMessage(connection)
    const broker = new Broker({ connectionPool, logger: kafka.logger() })
    return { connection, connect: () => broker.connect() }
  }
}

/** Exported for its test. */
export function checkVersion({ version }: { readonly version: string }): void {
  if (version === kafkajsVersion) return
  throw new ConfigurationError([
    `kafkajs ${version} is installed, and caudal works with ${kafkajsVersion} alone: run npm install kafkajs@${kafkajsVersion} --save-exact`,
  ])
}

/** kafkajs' own cluster, through the factory that its producer and consumer use, so that ssl and sasl mean what they mean there. */
function clusterOf(kafka: object): KafkajsCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  if (symbol === undefined) throw new ConfigurationError(['kafkajs has no factory for clusters: is it changed?'])
  const createCluster: (options: object) => KafkajsCluster = Reflect.get(kafka, symbol)
  return createCluster({})
}

/** Length, correlation id, body: nothing is left to be put together. What comes while it logs in is kafkajs' own affair. */
function takeWholeFrames(connection: KafkajsConnection): void {
  const processData = connection.processData
  connection.processData = (frame) => {
    if (connection.authHandlers) return processData.call(connection, frame)
    const [size, correlationId, payload] = [frame.length - 4, frame.readInt32BE(4), frame.subarray(8)]
    connection.requestQueue.fulfillRequest({ size, correlationId, payload })
  }
}

/** Nobody catches what kafkajs throws at bytes that are no message: the process would end, where a connection should. */
function endWhatIsNoMessage(connection: KafkajsConnection): void {
  const processData = connection.processData
  connection.processData = (bytes) => {
    try {
      processData.call(connection, bytes)
    } catch (error) {
      connection.socket?.destroy(error as Error)
    }
  }
}

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests: (this: RequestQueue) => void
}

const silenced = new WeakSet<object>()

/** An idle queue sets a timer of a negative time, over and over: a millisecond loop, and a warning of Node's. */
function silenceIdleTimer({ prototype }: { readonly prototype: RequestQueue }): void {
  if (silenced.has(prototype)) return
  silenced.add(prototype)
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this)
  }
}

/** What kafkajs calls an error is often one that is handled: whoever made the request hears of it anyway. */
function forwardTo(log: Log): logCreator {
  return () => (entry: LogEntry) => {
    const { message, timestamp: _, logger: __, ...fields } = entry.log
    log.debug({ ...fields, kafkajs: entry.namespace, level: entry.label }, message)
  }
}
