/** One connection through a proxy: whole messages in both directions, each of which may meet a fault. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Channel } from './channel.ts'
import type { Deed, FaultPlan, Message } from './faults.ts'
import type { Forecast } from './weather.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A message with its bytes, which may have to be made first. */
export interface Carried extends Message {
  readonly bytes: Buffer | Promise<Buffer>
}

/** What a protocol makes of the bytes of one connection. */
export interface Protocol {
  /** Takes what the worker has sent. @throws Error for what is not of this protocol */
  fromWorker(piece: Buffer): void
  /** Takes what the server has sent. @throws Error for what is not of this protocol */
  fromServer(piece: Buffer): void
  /** One more answer to this request will come, and is nobody's. */
  duplicated(request: Message): void
  /** No answer to this request will come. */
  dropped(request: Message): void
  /** Resolves when there is an answer to every request. */
  idle(): Promise<void>
  /** True where answers have no numbers: when one message is dropped, nothing behind it on its connection may arrive. */
  readonly isInOrder: boolean
}

/** Whom a `signal` fault meets. */
export interface Signalled {
  signal(signal: NodeJS.Signals): void
}

/** What the passages of a proxy share. */
export interface Surroundings {
  readonly plan: FaultPlan
  readonly forecast: Forecast
  readonly process: () => Signalled
  /** A line about each fault that happened. */
  readonly note: (line: string) => void
}

/** A server whose worker is gone has so much time for what it was asked. */
const lastAnswersMsMax = 5_000

export class Passage {
  readonly #worker: Socket
  readonly #server: Socket
  readonly #toServer: Channel
  readonly #toWorker: Channel
  readonly #surroundings: Surroundings
  readonly #protocol: Protocol
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>
  #isCut = false

  constructor(worker: Socket, to: Address, surroundings: Surroundings, open: (carry: (message: Carried) => void) => Protocol) {
    this.#worker = worker.setNoDelay(true)
    this.#server = connect({ ...to, noDelay: true })
    this.#surroundings = surroundings
    this.#toServer = new Channel(this.#server, surroundings.forecast, 'to-broker')
    this.#toWorker = new Channel(this.#worker, surroundings.forecast, 'to-worker')
    this.#protocol = open((message) => this.#carry(message))
    this.closed = this.#connect()
  }

  /** Resets both sides at once, whatever is under way. */
  reset(): void {
    this.#isCut = true
    this.#worker.resetAndDestroy()
    this.#server.resetAndDestroy()
  }

  async #connect(): Promise<void> {
    const [worker, server] = [this.#worker, this.#server]
    const take = (side: 'fromWorker' | 'fromServer') => (piece: Buffer) => {
      try {
        this.#protocol[side](piece)
      } catch (error) {
        this.#surroundings.note(`a connection is cut: ${String(error)}`)
        this.reset()
      }
    }
    const end = (socket: Socket) =>
      new Promise<void>((resolve) => {
        // Errors are told by the close that follows them.
        socket.on('error', () => {}).once('close', () => resolve())
      })
    worker.on('data', take('fromWorker'))
    server.on('data', take('fromServer'))
    await Promise.all([
      end(worker).then(() => this.#isCut || this.#toServer.enqueue(() => this.#endServer())),
      end(server).then(() => this.#toWorker.end()),
    ])
  }

  #carry(message: Carried): void {
    const channel = message.at === 'request' ? this.#toServer : this.#toWorker
    channel.enqueue(() => {
      const happening = this.#surroundings.plan.of(message)
      if (happening === null) return this.#forward(message)
      this.#surroundings.note(`${message.at} ${message.name}: ${textOf(happening.does)}`)
      return this.#befall(message, happening.does, happening.released).catch((error: unknown) => {
        this.#surroundings.note(`${message.at} ${message.name}: ${String(error)}`)
      })
    })
  }

  #forward({ bytes, at }: Carried): Promise<void> | void {
    const channel = at === 'request' ? this.#toServer : this.#toWorker
    return bytes instanceof Promise ? bytes.then((made) => channel.write(made)) : channel.write(bytes)
  }

  async #befall(message: Carried, does: Deed, released: Promise<void>): Promise<void> {
    switch (does.kind) {
      case 'delay':
        await delay(does.ms)
        return this.#forward(message)
      case 'hold':
        await released
        return this.#forward(message)
      case 'drop':
        if (message.at === 'request') this.#protocol.dropped(message)
        if (this.#protocol.isInOrder) (message.at === 'request' ? this.#toServer : this.#toWorker).stall()
        return
      case 'cut':
        return this.reset()
      case 'forward-and-cut':
        return this.#forwardAndCut(message)
      case 'duplicate':
        if (message.at === 'request') this.#protocol.duplicated(message)
        await this.#forward(message)
        return this.#forward(message)
      case 'signal':
        return this.#signal(message, does)
    }
  }

  /** The side that has sent it learns nothing more; the server is left alone with a request until it has answered. */
  async #forwardAndCut(message: Carried): Promise<void> {
    await this.#forward(message)
    if (message.at === 'request') {
      this.#isCut = true
      this.#worker.resetAndDestroy()
      await this.#lastAnswers()
    }
    // What was written is handed to the system first: a reset would overtake it.
    else await new Promise<void>((resolve) => this.#worker.write('', () => resolve()))
    this.reset()
  }

  /** What is on its way to the server takes effect, as it does when a process dies. */
  async #endServer(): Promise<void> {
    await this.#lastAnswers()
    this.#server.destroy()
  }

  async #lastAnswers(): Promise<void> {
    const late = new AbortController()
    await Promise.race([this.#protocol.idle(), delay(lastAnswersMsMax, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
  }

  async #signal(message: Carried, { signal, before }: Deed & { readonly kind: 'signal' }): Promise<void> {
    const process = this.#surroundings.process()
    if (!before) {
      await this.#forward(message)
      return process.signal(signal)
    }
    process.signal(signal)
    if (signal === 'SIGKILL') this.reset()
    else await this.#forward(message)
  }
}

const textOf = (does: Deed): string => {
  if (does.kind === 'delay') return `delayed by ${does.ms} ms`
  return does.kind === 'signal' ? `${does.signal} ${does.before ? 'before' : 'after'} it` : does.kind
}
