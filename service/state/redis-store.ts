/** The store backend on Redis: one connection, on which loads and applies keep their order, and the check that nothing is evicted. */
import { Cluster, Redis } from 'ioredis'
import type { Clock } from '../clock.ts'
import { ConfigurationError } from '../errors.ts'
import type { Log } from '../log.ts'
import { redisAddress } from './redis-address.ts'
import { endOnStrayReplies } from './redis-replies.ts'
import { redisError } from './redis-errors.ts'
import { RedisScripts } from './redis-scripts.ts'
import { ScriptBackend } from './script-backend.ts'

export interface RedisStoreOptions {
  /** `redis://[user:password@]host:port[/db]` or `rediss://…`; `redis-cluster://host:port,…`; `redis-sentinel://host:port,…/master`. */
  readonly url: string
  /** Certificate authority, PEM, for TLS; default: those of the system. */
  readonly ca?: string
  readonly log: Log
  readonly clock: Clock
  /** After so many milliseconds without an answer a command has failed; its outcome is unknown. */
  readonly commandTimeoutMs: number
}

const reconnectMsMax = 2000

export class RedisStoreBackend extends ScriptBackend {
  readonly #client: Redis | Cluster
  readonly #address: string

  /** Connects nowhere yet. @throws ConfigurationError for a URL that is none */
  constructor(options: RedisStoreOptions) {
    const client = clientOf(options)
    super('redis', new RedisScripts(client), options.clock)
    this.#client = client
    if (client instanceof Redis) endOnStrayReplies(client)
    // Credentials are before the @ of a URL.
    this.#address = options.url.replace(/\/\/[^/]*@/, '//')
    this.#report(options.log)
  }

  /**
   * Connects, and checks that Redis evicts nothing.
   * @throws ConfigurationError where it would; StoreUnavailableError where it can't be reached (the client goes on trying)
   */
  async connect(): Promise<void> {
    const policies = await this.#policies()
    const wrong = [...new Set(policies.filter((policy) => policy !== 'noeviction'))]
    if (wrong.length > 0)
      throw new ConfigurationError([
        `Redis at ${this.#address} has maxmemory-policy ${wrong.join(', ')}: it would drop state when its memory is full. Set it to noeviction.`,
      ])
  }

  /** What INFO says of each master; CONFIG is forbidden on managed services (P13). */
  async #policies(): Promise<string[]> {
    try {
      if (this.#client.status === 'wait') await this.#client.connect()
      const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
      const answers = await Promise.all(nodes.map((node) => node.info('memory')))
      return answers.map((answer) => /^maxmemory_policy:(\S+)/m.exec(answer)?.[1] ?? 'unknown')
    } catch (error) {
      throw redisError(error, `answer at ${this.#address}`)
    }
  }

  /** One line when Redis goes and one when it is back, however often the client tries. */
  #report(log: Log): void {
    let away = false
    this.#client.on('error', (error: Error) => {
      if (!away) log.warn({ redis: this.#address, error: error.message }, 'Redis is away; trying again')
      away = true
    })
    this.#client.on('ready', () => {
      if (away) log.info({ redis: this.#address }, 'Redis is back')
      away = false
    })
  }
}

/** Nothing is queued while there is no connection, and nothing is sent twice: only the caller knows whether it may be (P12). */
function clientOf({ url, ca, commandTimeoutMs }: RedisStoreOptions): Redis | Cluster {
  const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times - 1, 10), reconnectMsMax)
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // A connection that swallows commands is given up, or they would time out for as long as TCP does not notice.
    socketTimeout: 2 * commandTimeoutMs,
    connectTimeout: commandTimeoutMs,
    retryStrategy,
  }
  const address = redisAddress(url)
  const tls = address.secure ? { tls: ca === undefined ? {} : { ca } } : {}
  switch (address.kind) {
    case 'single':
      return new Redis(address.url, { ...options, ...tls })
    case 'sentinel':
      return new Redis({
        ...options,
        ...address.credentials,
        // By default it speaks to both in plain text, whatever is in `tls`.
        ...(address.secure ? { ...tls, enableTLSForSentinelMode: true, sentinelTLS: tls.tls ?? {} } : {}),
        sentinels: address.nodes.map((node) => ({ ...node })),
        name: address.master,
      })
    case 'cluster':
      return new Cluster(
        address.nodes.map((node) => ({ ...node })),
        {
          lazyConnect: true,
          enableOfflineQueue: false,
          clusterRetryStrategy: retryStrategy,
          redisOptions: { ...options, ...address.credentials, ...tls },
        },
      )
  }
}
