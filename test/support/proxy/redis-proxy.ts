/** Stands between a worker and its Redis, and knows the commands that pass and the scripts that they run. */
import type { Conditions, Fault, Message } from './faults.ts'
import type { Address, Carried, Protocol } from './passage.ts'
import { listeningHost, Proxy, type ProxyOptions } from './proxy.ts'
import { commandOf, isPush, RespReader, scriptOf } from './redis-frames.ts'

/**
 * What happens to the n-th command of a name, in capitals, or its answer; `script` stands for EVAL and EVALSHA. `where` looks into the
 * command: `script` is the name of a file in `service/state/lua` without its ending, `word` a regular expression for one of the words
 * behind the command's name. As answers have no numbers, one message that is dropped drops all behind it on its connection, and no answer
 * is duplicated.
 */
export interface RedisFault extends Fault {
  readonly command: string
  readonly where?: Conditions & { readonly script?: string; readonly word?: string }
}

export interface RedisProxyOptions extends ProxyOptions {
  /** `redis://[user:password@]host:port[/db]`. */
  readonly url: string
}

export class RedisProxy extends Proxy<RedisFault> {
  /** What the worker is to be given instead of the address of Redis. */
  url = ''

  static async start({ url, ...options }: RedisProxyOptions): Promise<RedisProxy> {
    const proxy = new RedisProxy(options)
    const given = new URL(url)
    const to: Address = { host: given.hostname, port: Number(given.port || 6379) }
    const { port } = await proxy.listen(to)
    given.hostname = listeningHost
    given.port = `${port}`
    proxy.url = given.href
    return proxy
  }

  protected nameIn({ command, at, does }: RedisFault): string {
    if (at === 'answer' && does.kind === 'duplicate') throw new RangeError('an answer of Redis cannot be duplicated')
    return command
  }

  protected open(carry: (message: Carried) => void): Protocol {
    return new RedisProtocol(carry, (name) => this.countRequest(name))
  }
}

/** Longer ones hold what is written, and no name. */
const wordBytesMax = 200

function hasWord(words: readonly Buffer[], pattern: unknown): boolean {
  if (typeof pattern !== 'string') return true
  const expression = new RegExp(pattern)
  return words.slice(1).some((word) => word.length <= wordBytesMax && expression.test(word.toString('latin1')))
}

class RedisProtocol implements Protocol {
  readonly isInOrder = true
  /** In the order of their answers; null for what nobody waits for. */
  readonly #unanswered: (Message | null)[] = []
  #idle = Promise.withResolvers<void>()
  readonly #requests: RespReader
  readonly #answers: RespReader

  constructor(carry: (message: Carried) => void, requested: (name: string) => void) {
    this.#requests = new RespReader((bytes) => {
      const words = commandOf(bytes)
      const name = words[0]?.toString('latin1').toUpperCase() ?? ''
      const script = scriptOf(name, words)
      requested(name)
      if (script !== null) requested(script)
      const fits = (where: Conditions) =>
        (where['script'] === undefined || where['script'] === script) && hasWord(words, where['word'])
      const request: Carried = { name, ...(script === null ? {} : { alias: 'script' }), at: 'request', bytes, fits }
      this.#unanswered.push(request)
      carry(request)
    })
    this.#answers = new RespReader((bytes) => {
      if (isPush(bytes)) return carry({ name: 'push', at: 'answer', bytes, fits: () => false })
      const request = this.#unanswered.shift()
      if (request === undefined) throw new Error('an answer of Redis answers nothing')
      this.#lookIdle()
      if (request === null) return
      carry({ ...request, at: 'answer', bytes })
    })
  }

  fromWorker(piece: Buffer): void {
    this.#requests.push(piece)
  }

  fromServer(piece: Buffer): void {
    this.#answers.push(piece)
  }

  duplicated(request: Message): void {
    this.#unanswered.splice(this.#unanswered.indexOf(request) + 1, 0, null)
  }

  dropped(request: Message): void {
    // Nothing behind it arrives either.
    this.#unanswered.splice(this.#unanswered.indexOf(request))
    this.#lookIdle()
  }

  idle(): Promise<void> {
    return this.#unanswered.length === 0 ? Promise.resolve() : this.#idle.promise
  }

  #lookIdle(): void {
    if (this.#unanswered.length > 0) return
    this.#idle.resolve()
    this.#idle = Promise.withResolvers<void>()
  }
}
