/** What the proxies of all protocols have in common: listening ports, connections, faults, weather. */
import { createServer, type Server, type Socket } from 'node:net'
import { type Fault, FaultPlan, type PlannedFaults } from './faults.ts'
import { type Address, type Carried, Passage, type Protocol, type Signalled, type Surroundings } from './passage.ts'
import { Forecast, type Weather } from './weather.ts'

export interface ProxyOptions {
  /** Gets a line about each fault that happened. */
  readonly log?: (line: string) => void
}

const host = '127.0.0.1'

/** A port of ours, and where it leads. */
export interface Listener {
  readonly port: number
  readonly server: Server
  readonly passages: Set<Passage>
}

export abstract class Proxy<F extends Fault> {
  /** Of each kind of request, how many have come so far. */
  readonly seen = new Map<string, number>()
  /** A line about each fault that happened, in their order. */
  readonly happened: string[] = []
  readonly #plan = new FaultPlan()
  readonly #forecast = new Forecast()
  readonly #listeners = new Set<Listener>()
  readonly #surroundings: Surroundings
  #process: Signalled | null = null

  constructor({ log }: ProxyOptions) {
    this.#surroundings = {
      plan: this.#plan,
      forecast: this.#forecast,
      process: () => {
        if (this.#process === null) throw new Error('a signal was planned, and the proxy was not told for which process')
        return this.#process
      },
      note: (line) => {
        this.happened.push(line)
        log?.(line)
      },
    }
  }

  /** Faults that will happen, each once its message comes; of those for one message the first. */
  plan(...faults: readonly F[]): PlannedFaults {
    return this.#plan.add(faults.map((fault) => ({ name: this.nameIn(fault), fault })))
  }

  /** Whom faults of the kind `signal` meet from now on. */
  signals(process: Signalled): void {
    this.#process = process
  }

  /** How many requests of a kind have come so far. */
  count(name: string): number {
    return this.seen.get(name) ?? 0
  }

  /** From now on, for all connections; what is not named is fair. */
  weather(weather: Weather): void {
    this.#forecast.set(weather)
  }

  /** Resets all connections, on both sides. */
  reset(): void {
    for (const listener of this.#listeners) for (const passage of listener.passages) passage.reset()
  }

  async close(): Promise<void> {
    this.weather({})
    await Promise.all([...this.#listeners].map((listener) => this.unlisten(listener)))
  }

  /** What kind of message a fault is for. */
  protected abstract nameIn(fault: F): string

  protected abstract open(carry: (message: Carried) => void): Protocol

  /** To be called with each request that comes. */
  protected countRequest(name: string): void {
    this.seen.set(name, this.count(name) + 1)
  }

  /** A free port of this machine, whose connections lead to an address. */
  protected async listen(to: Address): Promise<Listener> {
    const passages = new Set<Passage>()
    const server = createServer((socket: Socket) => {
      // Accepted while it closes: nobody would end it any more.
      if (!server.listening) return void socket.resetAndDestroy()
      const passage = new Passage(socket, to, this.#surroundings, (carry) => this.open(carry))
      passages.add(passage)
      void passage.closed.then(() => passages.delete(passage))
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
    // A test that breaks off ends all the same.
    server.unref()
    const { port } = server.address() as { readonly port: number }
    const listener = { port, server, passages }
    this.#listeners.add(listener)
    return listener
  }

  /** Resets its connections, and takes no more. */
  protected async unlisten(listener: Listener): Promise<void> {
    this.#listeners.delete(listener)
    const closed = new Promise<void>((resolve) => listener.server.close(() => resolve()))
    for (const passage of listener.passages) passage.reset()
    await closed
  }
}

export const listeningHost = host
