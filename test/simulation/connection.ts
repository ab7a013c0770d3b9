/** One connection of a simulated process: calls wait here until the schedule lets each take effect, and later be answered, in order. */
import type { Api } from '../../service/kafka/wire/messages.ts'

export type CallState = 'sent' | 'working' | 'answered'

/** What a call came to: an answer, or an error that the port throws. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** A request to Kafka as it was sent. */
export interface SentRequest {
  readonly api: Api
  readonly body: unknown
}

/** One call of a port. */
export interface Call {
  /** For the trace: the request, script or store call. */
  readonly name: string
  /** Null for a call of the store. */
  readonly request: SentRequest | null
  state: CallState
  /** Lets it take effect. `late`: for a caller that is gone or has given it up. */
  readonly effect: (late: boolean) => Promise<unknown>
  readonly answered: { resolve(value: unknown): void; reject(error: unknown): void }
  outcome: Outcome | null
}

/** What may happen next on a connection. */
export interface ConnectionStep {
  readonly connection: Connection
  readonly call: Call
  readonly phase: 'effect' | 'answer'
}

export class Connection {
  readonly name: string
  /** Tells it from those that were opened before it under the same name. */
  readonly id: string
  /** Nothing goes on here for some time. */
  isHeld = false
  readonly #calls: Call[] = []
  /** Makes the error that a caller sees whose answer never comes. */
  readonly lost: (name: string) => Error

  constructor(name: string, number: number, lost: (name: string) => Error) {
    this.name = name
    this.id = `${name}#${number}`
    this.lost = lost
  }

  get isIdle(): boolean {
    return this.#calls.length === 0
  }

  has(call: Call): boolean {
    return this.#calls.includes(call)
  }

  send(
    { name, request }: Pick<Call, 'name' | 'request'>,
    effect: Call['effect'],
  ): { readonly call: Call; readonly answer: Promise<unknown> } {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const call: Call = { name, request, state: 'sent', effect, answered: { resolve, reject }, outcome: null }
    this.#calls.push(call)
    return { call, answer: promise }
  }

  /** The oldest call may be answered once it has an answer, the oldest that was only sent may take effect. */
  steps(to: ConnectionStep[], { effects, answers }: { readonly effects: boolean; readonly answers: boolean }): void {
    const oldest = this.#calls[0]
    if (oldest === undefined || this.isHeld) return
    if (answers && oldest.state === 'answered') to.push({ connection: this, call: oldest, phase: 'answer' })
    if (!effects) return
    const next = this.#calls.find(({ state }) => state === 'sent')
    if (next !== undefined) to.push({ connection: this, call: next, phase: 'effect' })
  }

  /** @param alter what becomes of the answer on its way */
  takeEffect(call: Call, alter: (answer: unknown) => unknown = (answer) => answer): void {
    call.state = 'working'
    call.effect(false).then(
      (value) => this.refuse(call, { value: alter(value) }),
      (error: unknown) => this.refuse(call, { error }),
    )
  }

  /** The server answers, and does nothing. */
  refuse(call: Call, outcome: Outcome): void {
    call.state = 'answered'
    call.outcome = outcome
  }

  answer(call: Call): void {
    this.#calls.splice(this.#calls.indexOf(call), 1)
    if (call.outcome === null) return
    if ('value' in call.outcome) call.answered.resolve(call.outcome.value)
    else call.answered.reject(call.outcome.error)
  }

  /** The connection breaks: nobody on it gets an answer. Returns the calls that were under way to the server. */
  break(): readonly Call[] {
    const calls = this.abandon()
    for (const call of calls) call.answered.reject(this.lost(call.name))
    return calls.filter(({ state }) => state === 'sent')
  }

  /** The caller is gone: nobody will ever hear of these calls. */
  abandon(): readonly Call[] {
    return this.#calls.splice(0)
  }
}
