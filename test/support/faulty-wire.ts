/** A wire that notes what is sent over it, and on which faults can be planned, as values, before they happen. */
import { ConnectionError } from '../../service/errors.ts'
import type { AnswerOf, Api, RequestOf } from '../../service/kafka/wire/messages.ts'
import type { NodeId, RequestOptions, Wire } from '../../service/kafka/wire/wire.ts'

/** A request as it went out, in the order of the wire. */
export interface Sent<A extends Api = Api> {
  readonly api: A
  readonly node: NodeId
  readonly purpose: string
  readonly body: RequestOf<A>
  /** How many requests went out before it. */
  readonly index: number
}

/**
 * What becomes of a request. `lose-request`: it never arrives. `lose-answer`: it takes effect, and nobody hears of it. `hold`: it waits
 * before it takes effect. `hold-answer`: it takes effect, and the answer waits. `answer`: this is answered, and nothing takes effect.
 * `change`: it takes effect, and something else is answered.
 */
export type Fault =
  | { readonly kind: 'lose-request' | 'lose-answer' }
  | { readonly kind: 'hold' | 'hold-answer'; readonly until: Promise<void> }
  | { readonly kind: 'answer'; readonly answer: unknown }
  | { readonly kind: 'change'; readonly change: (answer: never) => unknown }

export interface PlannedFault<A extends Api> {
  readonly api: A
  readonly fault: Fault
  /** Which requests of that kind; default any. */
  readonly when?: (sent: Sent<A>) => boolean
  /** How many of them; default one. */
  readonly times?: number
}

/** A fault that waits, and its end. */
export interface Held {
  readonly fault: Fault
  readonly release: () => void
}

export function held(kind: 'hold' | 'hold-answer'): Held {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { fault: { kind, until: promise }, release: resolve }
}

export class FaultyWire implements Wire {
  readonly sent: Sent[] = []
  /** Those on which a planned fault came true. */
  readonly hit: Sent[] = []
  /** Called with each request before anything becomes of it. */
  onSent: (sent: Sent) => void = () => {}
  readonly #inner: Wire
  readonly #closed = Promise.withResolvers<void>()
  #planned: { readonly fault: PlannedFault<Api>; left: number }[] = []

  constructor(inner: Wire) {
    this.#inner = inner
  }

  plan<A extends Api>(fault: PlannedFault<A>): void {
    this.#planned.push({ fault: fault as unknown as PlannedFault<Api>, left: fault.times ?? 1 })
  }

  /** Whether every planned fault has happened as often as it was to. */
  get isOver(): boolean {
    return this.#planned.length === 0
  }

  /** What is planned and has not happened will not. */
  clear(): void {
    this.#planned = []
  }

  of<A extends Api>(api: A): readonly Sent<A>[] {
    return this.sent.filter((sent): sent is Sent<A> => sent.api === api)
  }

  async request<A extends Api>(
    node: NodeId,
    purpose: string,
    api: A,
    body: RequestOf<A>,
    options?: RequestOptions,
  ): Promise<AnswerOf<A>> {
    const sent = { api, node, purpose, body, index: this.sent.length } as Sent
    this.sent.push(sent)
    this.onSent(sent)
    const fault = this.#faultOf(sent)
    if (fault?.kind === 'lose-request') throw new ConnectionError(`the ${api} was lost`)
    if (fault?.kind === 'hold') await this.#waits(fault.until)
    if (fault?.kind === 'answer') return fault.answer as AnswerOf<A>
    const answer = await this.#inner.request(node, purpose, api, body, options)
    if (fault?.kind === 'lose-answer') throw new ConnectionError(`the answer to the ${api} was lost`)
    if (fault?.kind === 'hold-answer') await this.#waits(fault.until)
    return fault?.kind === 'change' ? (fault.change(answer as never) as AnswerOf<A>) : answer
  }

  close(): Promise<void> {
    this.#closed.resolve()
    return this.#inner.close()
  }

  /** Whoever is held when the wire is closed gets nothing, as in a process that dies. */
  async #waits(until: Promise<void>): Promise<void> {
    const isClosed = await Promise.race([until.then(() => false), this.#closed.promise.then(() => true)])
    if (isClosed) throw new ConnectionError('the wire was closed')
  }

  #faultOf(sent: Sent): Fault | null {
    const found = this.#planned.find(({ fault }) => fault.api === sent.api && (fault.when?.(sent) ?? true))
    if (found === undefined) return null
    this.hit.push(sent)
    found.left -= 1
    if (found.left === 0) this.#planned = this.#planned.filter((other) => other !== found)
    return found.fault.fault
  }
}
