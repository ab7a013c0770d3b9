/** The request port on kafkajs' sockets: one connection a node and purpose, opened when it is first needed and again when it is gone. */
import { ConfigurationError, ConnectionError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { KafkaConnection } from './kafka-connection.ts'
import { kafkaSockets, type SocketOptions, type UnopenedConnection } from './kafka-sockets.ts'
import type { AnswerOf, Api, RequestOf } from './messages.ts'
import { bootstrapNode, type NodeId, type RequestOptions, type Wire } from './wire.ts'
import { decodeAnswer, encodeRequest } from './wire-codec.ts'

export interface KafkaWireOptions {
  /** Addresses, "host:port", of which one must answer. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: NonNullable<SocketOptions['ssl']>
  readonly sasl?: NonNullable<SocketOptions['sasl']>
  /** For connecting and authenticating. Default 10 000. */
  readonly connectionTimeoutMs?: number
  /** For requests that don't say otherwise. Default 30 000. */
  readonly requestTimeoutMs?: number
  readonly log: Log
}

/** A connection that is being opened, and once it is, what it came to. */
interface Link {
  readonly opening: Promise<KafkaConnection>
  connection: KafkaConnection | null
}

interface Address {
  readonly host: string
  readonly port: number
}

export class KafkaWire implements Wire {
  private readonly clientId: string
  private readonly connectionTimeoutMs: number
  private readonly requestTimeoutMs: number
  private readonly bootstrap: readonly Address[]
  private readonly makeConnection: (host: string, port: number) => Promise<UnopenedConnection>
  private readonly nodes = new Map<NodeId, Address>()
  private readonly links = new Map<string, Link>()
  /** Connections that are answered to the end, but not used again. */
  private readonly retired = new Set<KafkaConnection>()
  /** Which of the bootstrap brokers is tried first: another one each time. */
  private bootstrapNext = 0
  private readonly closing = new AbortController()

  /** Connects nothing yet. @throws ConfigurationError for an address that is none, or another kafkajs than the one expected */
  constructor(options: KafkaWireOptions) {
    this.clientId = options.clientId
    this.connectionTimeoutMs = options.connectionTimeoutMs ?? 10_000
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000
    this.bootstrap = parseAddresses(options.brokers)
    this.makeConnection = kafkaSockets({
      clientId: options.clientId,
      connectionTimeoutMs: this.connectionTimeoutMs,
      log: options.log,
      ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
      ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    })
  }

  async request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options?: RequestOptions,
  ): Promise<AnswerOf<A>> {
    const connection = await this.connectionTo(node, purpose)
    const version = connection.versionOf(api, options?.versionMax)
    const frame = encodeRequest(api, this.clientId, body, version)
    const payload = await connection.send({ api, version, frame }, options?.timeoutMs ?? this.requestTimeoutMs)
    const answer = decodeAnswer(api, payload, version)
    for (const { id, host, port } of nodesIn[api]?.(answer) ?? []) this.nodes.set(id, { host, port })
    return answer
  }

  /** Ends every connection; what is in flight, and what is asked from now on, is rejected with ConnectionError. */
  async close(): Promise<void> {
    this.closing.abort()
    const opened = await Promise.allSettled([...this.links.values()].map(({ opening }) => opening))
    const connections = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    await Promise.all([...connections, ...this.retired].map((connection) => connection.abandon(closedError())))
    this.links.clear()
  }

  /** The one connection for `purpose` to `node`. Requests that come while it is being opened wait for it, in their order. */
  private connectionTo(node: NodeId, purpose: string): Promise<KafkaConnection> {
    if (this.closing.signal.aborted) return Promise.reject(closedError())
    const name = `${node}/${purpose}`
    const known = this.links.get(name)
    if (known !== undefined && known.connection?.isUsable !== false) return known.opening
    if (known?.connection) this.retire(known.connection)
    const link: Link = { opening: node === bootstrapNode ? this.openBootstrap() : this.openNode(node), connection: null }
    this.links.set(name, link)
    link.opening.then(
      (connection) => {
        link.connection = connection
      },
      () => {
        // Whoever asked hears of the failure; the next one tries again.
        this.links.delete(name)
      },
    )
    return link.opening
  }

  private retire(connection: KafkaConnection): void {
    this.retired.add(connection)
    void connection.retire().finally(() => this.retired.delete(connection))
  }

  private async openNode(node: NodeId): Promise<KafkaConnection> {
    const address = this.nodes.get(node)
    if (address === undefined)
      throw new ConnectionError(`Node ${node} of the cluster has not been heard of.`, { fields: { node } })
    return await this.open(address)
  }

  private async openBootstrap(): Promise<KafkaConnection> {
    const failures: string[] = []
    const first = this.bootstrapNext++ % this.bootstrap.length
    // Brokers may have moved since they were written into the configuration: then those that were heard of lead on.
    const heardOf = [...this.nodes.values()].filter((node) => !this.bootstrap.some((address) => isSame(address, node)))
    for (const address of [...this.bootstrap.slice(first), ...this.bootstrap.slice(0, first), ...heardOf]) {
      try {
        return await this.open(address)
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error
        failures.push(error.message)
      }
    }
    const brokers = this.bootstrap.map(({ host, port }) => `${host}:${port}`)
    throw new ConnectionError(`No broker can be reached. ${failures.join('; ')}`, { fields: { brokers } })
  }

  private async open({ host, port }: Address): Promise<KafkaConnection> {
    const unopened = await this.makeConnection(host, port)
    const { connectionTimeoutMs: timeoutMs, closing } = this
    return await KafkaConnection.open(unopened, { address: `${host}:${port}`, timeoutMs, closing: closing.signal })
  }
}

const isSame = (left: Address, right: Address) => left.host === right.host && left.port === right.port

const closedError = () => new ConnectionError('The connections to Kafka were closed.')

interface Node extends Address {
  readonly id: NodeId
}

/** The addresses that answers carry. */
const nodesIn: { readonly [A in Api]?: (answer: AnswerOf<A>) => readonly Node[] } = {
  Metadata: ({ brokers }) => brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
  FindCoordinator: ({ coordinators }) =>
    coordinators.filter(({ errorCode }) => errorCode === 0).map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
  Produce: ({ nodeEndpoints }) => nodeEndpoints.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
}

function parseAddresses(brokers: readonly string[]): readonly Address[] {
  const addresses = brokers.map((text) => {
    // The host may be an IPv6 address in brackets.
    const [, host, port] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d+)$/.exec(text)?.filter((part) => part !== undefined) ?? []
    return { text, host: host ?? '', port: Number(port) }
  })
  const defects = addresses
    .filter(({ host, port }) => host === '' || !(port > 0 && port < 65_536))
    .map(({ text }) => `kafka.brokers: "${text}" is not an address like "localhost:9092"`)
  if (addresses.length === 0) defects.push('kafka.brokers names no broker')
  if (defects.length > 0) throw new ConfigurationError(defects)
  return addresses
}
