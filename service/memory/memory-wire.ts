/** A client's side of the in-memory Kafka: connections that answer in order, time-outs, and a sudden end. */
import type { Clock } from '../clock.ts'
import { ConnectionError } from '../errors.ts'
import type { AnswerOf, Api, RequestOf } from '../kafka/wire/messages.ts'
import { bootstrapNode, type NodeId, type RequestOptions, type Wire } from '../kafka/wire/wire.ts'

/** Who sends a request, as the broker sees it. */
export interface Client {
  readonly id: string
  /** Aborted when its connections are gone: nobody waits for a held answer any more. */
  readonly gone: AbortSignal
}

/** Carries a request out. It has taken effect when this returns; the answer may come later, if the broker holds the request. */
export type Dispatch = <A extends Api>(
  node: NodeId,
  client: Client,
  api: A,
  body: RequestOf<A>,
) => Promise<AnswerOf<A>> | AnswerOf<A>

export interface MemoryWireOptions {
  readonly clock: Clock
  readonly clientId: string
  readonly nodes: readonly NodeId[]
  readonly dispatch: Dispatch
  /** Aborted when the whole cluster is gone: closes the wire. */
  readonly clusterGone: AbortSignal
}

const timeoutMsDefault = 30_000

export class MemoryWire implements Wire {
  readonly #options: MemoryWireOptions
  /** By node and purpose: the answer that the next request on that connection has to wait for. */
  readonly #connections = new Map<string, Promise<unknown>>()
  /** Fails the requests that are under way. */
  readonly #pending = new Set<(error: ConnectionError) => void>()
  readonly #closing = new AbortController()

  constructor(options: MemoryWireOptions) {
    this.#options = options
    const { signal } = this.#closing
    options.clusterGone.addEventListener('abort', () => void this.close(), { once: true, signal })
  }

  async request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options: RequestOptions = {},
  ): Promise<AnswerOf<A>> {
    const { nodes, clientId, dispatch } = this.#options
    const actual = node === bootstrapNode ? (nodes[0] ?? node) : node
    const { signal: gone } = this.#closing
    if (gone.aborted) throw closed(api)
    if (!nodes.includes(actual)) throw new ConnectionError(`There is no node ${actual}.`, { fields: { api, node } })
    const connection = `${actual}/${purpose}`
    const before = this.#connections.get(connection)
    const carryOut = () => {
      // A request that waits in the socket of a process that is gone does not reach the broker.
      if (gone.aborted) throw closed(api)
      return dispatch(actual, { id: clientId, gone }, api, body)
    }
    // A broker reads the next request of a connection when it has answered the one before.
    const answer = before === undefined ? carryOut() : before.then(carryOut)
    if (!(answer instanceof Promise)) return answer
    const done = answer
      .catch(() => {})
      .then(() => {
        if (this.#connections.get(connection) === done) this.#connections.delete(connection)
      })
    this.#connections.set(connection, done)
    return this.#inTime(answer, connection, api, options.timeoutMs ?? timeoutMsDefault)
  }

  close(): Promise<void> {
    for (const fail of this.#pending) fail(new ConnectionError('The wire was closed while requests were under way.'))
    this.#closing.abort()
    return Promise.resolve()
  }

  /** The answer, or a ConnectionError when it takes too long or the wire is closed. */
  async #inTime<T>(answer: Promise<T>, connection: string, api: Api, timeoutMs: number): Promise<T> {
    const over = new AbortController()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#pending.add(reject)
    answer.then(resolve, reject)
    void this.#options.clock.sleep(timeoutMs, over.signal).then(() => {
      if (over.signal.aborted) return
      // The client gives the connection up and opens another one.
      this.#connections.delete(connection)
      reject(new ConnectionError(`${api} was not answered in ${timeoutMs} ms.`, { fields: { api, connection, timeoutMs } }))
    })
    try {
      return await promise
    } finally {
      this.#pending.delete(reject)
      // An error with its stack as the reason, the default, would be most of the cost.
      over.abort(over)
    }
  }
}

function closed(api: Api): ConnectionError {
  return new ConnectionError(`${api} was not sent: the wire is closed.`, { fields: { api } })
}
