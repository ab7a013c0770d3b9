/**
 * Stands between a worker and its brokers, and knows what passes: faults befall the n-th request or answer of a kind. Frames go through byte
 * for byte; only the addresses of brokers in answers are changed, so that the worker stays on the proxy.
 */
import type { Api, RequestOf } from '../../../service/kafka/wire/messages.ts'
import { FrameReader } from '../../../service/kafka/wire/framed-socket.ts'
import type { Fault, Message } from './faults.ts'
import {
  type AddressField,
  correlationIdOfAnswer,
  fitsRequest,
  type RequestHead,
  requestHead,
  withAddresses,
} from './kafka-frames.ts'
import type { Address, Carried, Protocol } from './passage.ts'
import { type Listener, listeningHost, Proxy, type ProxyOptions } from './proxy.ts'

/**
 * What happens to the n-th request of a kind, or its answer. `where` looks into the request: `topic` is one that it names, `clientId` stands
 * in its head, and any other name is that of a field, such as `committed` of EndTxn or `transactionalId`.
 */
export interface ProxyFault extends Fault {
  readonly api: Api | 'any'
}

export interface KafkaProxyOptions extends ProxyOptions {
  /** Addresses, "host:port", as a worker would be given them. */
  readonly brokers: readonly string[]
}

export class KafkaProxy extends Proxy<ProxyFault> {
  /** What the worker is to be given as its brokers. They stay, wherever the brokers move. */
  addresses: readonly string[] = []
  /** By "host:port" of what a broker says is its address. */
  readonly #nodes = new Map<string, Promise<Listener>>()
  readonly #newest = new Map<string, RequestHead>()

  /** With one port for each of the brokers, and one more for each address that they tell of themselves. */
  static async start({ brokers, ...options }: KafkaProxyOptions): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(options)
    const listeners = await Promise.all(brokers.map((broker) => proxy.listen(addressOf(broker))))
    proxy.addresses = listeners.map(({ port }) => `${listeningHost}:${port}`)
    return proxy
  }

  /** All brokers have other addresses from now on, as after a restart with another `advertised.listeners`; the old ones refuse. */
  async moveTo(): Promise<void> {
    const nodes = [...this.#nodes.values()]
    this.#nodes.clear()
    await Promise.all(nodes.map(async (node) => this.unlisten(await node)))
  }

  /** The newest request of a kind that has come, whatever became of it; null before the first. The versions of its fields are the worker's. */
  newest<A extends Api>(api: A): RequestOf<A> | null {
    return (this.#newest.get(api)?.body() ?? null) as RequestOf<A> | null
  }

  protected nameIn({ api }: ProxyFault): string {
    return api
  }

  protected open(carry: (message: Carried) => void): Protocol {
    return new KafkaProtocol(carry, {
      translate: (address) => this.#translate(address),
      requested: (head) => {
        this.countRequest(head.name)
        this.#newest.set(head.name, head)
      },
    })
  }

  async #translate({ host, port }: Address): Promise<Address> {
    const name = `${host}:${port}`
    const node = this.#nodes.get(name) ?? this.listen({ host, port })
    this.#nodes.set(name, node)
    return { host: listeningHost, port: (await node).port }
  }
}

interface KafkaEvents {
  readonly translate: (address: AddressField) => Promise<AddressField>
  readonly requested: (head: RequestHead) => void
}

/** A request on its way, until it is answered. */
interface KafkaRequest extends Carried {
  readonly head: RequestHead
}

class KafkaProtocol implements Protocol {
  readonly isInOrder = false
  readonly #unanswered = new Map<number, KafkaRequest>()
  /** Correlation ids of answers that nobody waits for. */
  readonly #superfluous: number[] = []
  #idle = Promise.withResolvers<void>()
  readonly #requests: FrameReader
  readonly #answers: FrameReader

  constructor(carry: (message: Carried) => void, events: KafkaEvents) {
    this.#requests = new FrameReader((frame) => {
      const head = requestHead(frame)
      events.requested(head)
      const request: KafkaRequest = {
        name: head.name,
        at: 'request',
        bytes: frame,
        head,
        fits: (where) => fitsRequest(head, where),
      }
      this.#unanswered.set(head.correlationId, request)
      carry(request)
    })
    this.#answers = new FrameReader((frame) => {
      const correlationId = correlationIdOfAnswer(frame)
      const request = this.#unanswered.get(correlationId)
      if (request === undefined) {
        const index = this.#superfluous.indexOf(correlationId)
        if (index < 0) throw new Error(`an answer with the correlation id ${correlationId} answers nothing`)
        this.#superfluous.splice(index, 1)
        return
      }
      this.#forget(correlationId)
      const { name, fits, head } = request
      carry({ name, at: 'answer', fits, bytes: withAddresses(frame, head, events.translate) })
    })
  }

  fromWorker(piece: Buffer): void {
    this.#requests.push(piece, piece.length)
  }

  fromServer(piece: Buffer): void {
    this.#answers.push(piece, piece.length)
  }

  duplicated(request: Message): void {
    this.#superfluous.push((request as KafkaRequest).head.correlationId)
  }

  dropped(request: Message): void {
    this.#forget((request as KafkaRequest).head.correlationId)
  }

  idle(): Promise<void> {
    return this.#unanswered.size === 0 ? Promise.resolve() : this.#idle.promise
  }

  #forget(correlationId: number): void {
    this.#unanswered.delete(correlationId)
    if (this.#unanswered.size > 0) return
    this.#idle.resolve()
    this.#idle = Promise.withResolvers<void>()
  }
}

function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':')
  return { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) }
}
