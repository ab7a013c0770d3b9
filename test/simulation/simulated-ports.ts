/** The ports of one simulated process. Every asynchronous step of it is parked here until the schedule picks it. */
import type { Clock } from '../../service/clock.ts'
import { ConnectionError, StoreUnavailableError } from '../../service/errors.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { NodeId, RequestOptions, Wire } from '../../service/kafka/wire/wire.ts'
import type { Chunk, EntryKey, Marker, ScanRange, StoreBackend, StoreHandle, StoreId } from '../../service/state/store-backend.ts'
import { type Call, Connection, type ConnectionStep, type SentRequest } from './connection.ts'

/** Somebody whose time has come, and who has not been told yet. */
export interface Wake {
  readonly name: string
  readonly wake: () => void
}

/**
 * `stopped`: nothing of it runs, what it has sent arrives. `cut-off`: what it has sent waits as well. `blocked`: its workers stand still,
 * as in a function of the user that takes long, and its memberships do not.
 */
export type Pause = 'none' | 'stopped' | 'cut-off' | 'blocked'

const aVeryLongTimeMs = 1e12
const never = <T>(): Promise<T> => new Promise<T>(() => {})

export interface PortsOptions {
  /** The clock that the schedule moves. */
  readonly clock: Clock
  /** This process' own way to Kafka. */
  readonly wire: Wire
  /** The way that requests take which arrive after their sender is gone. */
  readonly lateWire: Wire
  /** Somebody has given up waiting; what was under way to the servers may still arrive. */
  readonly onGivenUp: (calls: readonly Call[]) => void
}

/** Of connections that a thread of its own serves. */
const ofMembership = /\/(join|heartbeat)-|\/meta/

export class SimulatedPorts {
  pause: Pause = 'none'
  /** By how much its wall clock is ahead of the true one, in milliseconds. */
  skewMs = 0
  readonly wakes: Wake[] = []
  readonly clock: Clock
  readonly #options: PortsOptions
  readonly #connections = new Map<string, Connection>()
  readonly #sleeping = new Set<AbortController>()
  #isDead = false
  #opened = 0

  constructor(options: PortsOptions) {
    this.#options = options
    const { clock } = options
    this.clock = {
      now: () => clock.now() + this.skewMs,
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      id: () => clock.id(),
      sleep: (ms, signal) => this.#sleep(ms, signal, `wake after ${Math.round(ms)} ms`),
    }
  }

  /** Connections of a worker's own. */
  wire(worker: number): Wire {
    return new ParkedWire(this, this.#options, prefixOf(worker))
  }

  get isDead(): boolean {
    return this.#isDead
  }

  backend(inner: StoreBackend, worker: number): StoreBackend {
    return new ParkedBackend(this, inner, `${prefixOf(worker)}store`)
  }

  /** What may happen next. */
  steps(): { readonly calls: readonly ConnectionStep[]; readonly wakes: readonly Wake[] } {
    const calls: ConnectionStep[] = []
    const { pause } = this
    const isAwake = pause === 'none' || pause === 'blocked'
    for (const connection of this.#connections.values()) {
      const answers = pause === 'blocked' ? ofMembership.test(connection.name) : isAwake
      connection.steps(calls, { effects: pause !== 'cut-off', answers })
    }
    return { calls, wakes: isAwake ? this.wakes : [] }
  }

  /** Nothing holds it back any more. */
  heal(): void {
    this.pause = 'none'
    for (const connection of this.#connections.values()) connection.isHeld = false
  }

  /** Breaks a connection; the next call opens another one. Returns what was under way to the server. */
  breakConnection(connection: Connection): readonly Call[] {
    this.#connections.delete(connection.name)
    return connection.break()
  }

  /** Nothing of this process ever happens again. Returns what was under way to the servers. */
  die(): readonly Call[] {
    this.#isDead = true
    this.wakes.length = 0
    for (const over of this.#sleeping) over.abort(over)
    this.#sleeping.clear()
    const calls = [...this.#connections.values()].flatMap((connection) => connection.abandon())
    this.#connections.clear()
    void this.#options.wire.close()
    return calls.filter(({ state }) => state === 'sent')
  }

  /** A call on a named connection; the answer comes when the schedule says so. */
  call<T>(
    to: {
      readonly connection: string
      readonly name: string
      readonly request: SentRequest | null
      readonly lost: (name: string) => Error
      readonly timeoutMs?: number
    },
    effect: (late: boolean, connection: string) => Promise<T>,
  ): Promise<T> {
    if (this.#isDead) return never()
    const connection = this.#connectionTo(to.connection, to.lost)
    const { call, answer } = connection.send(to, (late) => effect(late, connection.id))
    if (to.timeoutMs !== undefined) void this.#timeOut(connection, call, answer, to.timeoutMs)
    return answer as Promise<T>
  }

  /** Breaks the connections whose names begin so. */
  breakAll(prefix: string): void {
    for (const connection of this.#connections.values()) if (connection.name.startsWith(prefix)) this.breakConnection(connection)
  }

  #connectionTo(name: string, lost: (name: string) => Error): Connection {
    let connection = this.#connections.get(name)
    if (connection === undefined) {
      this.#opened += 1
      connection = new Connection(name, this.#opened, lost)
      this.#connections.set(name, connection)
    }
    return connection
  }

  /** The client gives up a connection that does not answer; an answer that lies there counts (P17). */
  async #timeOut(connection: Connection, call: Call, answer: Promise<unknown>, timeoutMs: number): Promise<void> {
    const over = new AbortController()
    answer.then(
      () => over.abort(over),
      () => over.abort(over),
    )
    await this.#sleep(timeoutMs, over.signal, `time-out of ${call.name}`)
    if (!over.signal.aborted && connection.has(call) && call.state !== 'answered')
      this.#options.onGivenUp(this.breakConnection(connection))
  }

  #sleep(ms: number, signal: AbortSignal | undefined, name: string): Promise<void> {
    if (this.#isDead) return never()
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const over = new AbortController()
      const wake: Wake = {
        name,
        wake: () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
      }
      const abort = () => {
        this.#sleeping.delete(over)
        over.abort(over)
        const index = this.wakes.indexOf(wake)
        if (index >= 0) this.wakes.splice(index, 1)
        resolve()
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#sleeping.add(over)
      void this.#options.clock.sleep(ms, over.signal).then(() => {
        if (over.signal.aborted) return
        this.#sleeping.delete(over)
        this.wakes.push(wake)
      })
    })
  }
}

const timeoutMsDefault = 30_000
/** Before the names of a worker's connections. */
const prefixOf = (worker: number): string => `w${worker} `

class ParkedWire implements Wire {
  readonly #ports: SimulatedPorts
  readonly #options: PortsOptions
  /** Before the names of its connections. */
  readonly #prefix: string
  #isClosed = false

  constructor(ports: SimulatedPorts, options: PortsOptions, prefix: string) {
    this.#ports = ports
    this.#options = options
    this.#prefix = prefix
  }

  request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options: RequestOptions = {},
  ): Promise<AnswerOf<A>> {
    if (this.#isClosed) return Promise.reject(lostRequest(api))
    const { wire, lateWire } = this.#options
    const sent = copyOfBody(api, body)
    const { timeoutMs = timeoutMsDefault } = options
    const to = {
      connection: `${this.#prefix}${node}/${purpose}`,
      name: api,
      request: { api, body: sent },
      lost: lostRequest,
      timeoutMs,
    }
    return this.#ports.call(to, (late, connection) =>
      (late ? lateWire : wire).request(node, late ? `late ${connection}` : connection, api, sent, { timeoutMs: aVeryLongTimeMs }),
    )
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#ports.breakAll(this.#prefix)
    return Promise.resolve()
  }
}

const lostRequest = (api: string): Error => new ConnectionError(`${api}: the connection broke`)
const lostCall = (name: string): Error => new StoreUnavailableError(`${name}: the store does not answer`)

/** What a socket has taken is out of reach: a builder that is used again must not change it. */
function copyOfBody<A extends Api>(api: A, body: RequestOf<A>): RequestOf<A> {
  if (api !== 'Produce') return body
  const { topicData, ...rest } = body as RequestOf<'Produce'>
  const copied = topicData.map(({ name, partitionData }) => ({
    name,
    partitionData: partitionData.map(({ index, records }) => ({
      index,
      records: records === null ? null : Buffer.from(records),
    })),
  }))
  return { ...rest, topicData: copied } as unknown as RequestOf<A>
}

class ParkedBackend implements StoreBackend {
  readonly kind: string
  readonly durable: boolean
  readonly #ports: SimulatedPorts
  readonly #inner: StoreBackend
  readonly #connection: string

  constructor(ports: SimulatedPorts, inner: StoreBackend, connection: string) {
    this.#ports = ports
    this.#inner = inner
    this.#connection = connection
    this.kind = inner.kind
    this.durable = inner.durable
  }

  async acquire(id: StoreId, changelogTopicId: string, kind?: string): Promise<StoreHandle> {
    const connection = this.#connection
    const parked = <T>(what: string, act: () => Promise<T>): Promise<T> =>
      this.#ports.call({ connection, name: `${what} ${id.store}-${id.partition}`, request: null, lost: lostCall }, act)
    return parkedHandle(await parked('acquire', () => this.#inner.acquire(id, changelogTopicId, kind)), parked)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

function parkedHandle(inner: StoreHandle, parked: <T>(what: string, act: () => Promise<T>) => Promise<T>): StoreHandle {
  const { id, marker, untrusted, found } = inner
  return {
    id,
    marker,
    untrusted,
    found,
    load: (at: Marker, keys: readonly EntryKey[], orAt?: Marker) =>
      parked(`load of ${keys.length}`, () => inner.load(at, keys, orAt)),
    counts: (at: Marker, after: Buffer | null) => parked('counts', () => inner.counts(at, after)),
    scan: (at: Marker, range: ScanRange, orAt?: Marker) => parked('scan', () => inner.scan(at, range, orAt)),
    apply: (chunk: Chunk) =>
      parked(`apply ${chunk.from.position}:${chunk.from.chunk} to ${chunk.to.position}:${chunk.to.chunk}`, () =>
        inner.apply(chunk),
      ),
    confirm: (at: Marker, currentAt: number) => parked('confirm', () => inner.confirm(at, currentAt)),
    rebuild: (position: number, leaderEpoch?: number) =>
      parked(`rebuild at ${position}`, () => inner.rebuild(position, leaderEpoch)),
  }
}
