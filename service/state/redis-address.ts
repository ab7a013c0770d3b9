/** Where Redis is: one server, a cluster, or sentinels that know it; told by the scheme of the URL. */
import { ConfigurationError } from '../errors.ts'

export interface RedisNode {
  readonly host: string
  readonly port: number
}
export interface RedisCredentials {
  readonly username?: string
  readonly password?: string
}
/** With `secure`, all of it by TLS. */
export type RedisAddress = { readonly secure: boolean } & (
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[]; readonly credentials: RedisCredentials }
  | {
      readonly kind: 'sentinel'
      readonly nodes: readonly RedisNode[]
      readonly master: string
      readonly credentials: RedisCredentials
    }
)

const shape = /^redis(s)?(?:-(cluster|sentinel))?:\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/

/** @throws ConfigurationError for a URL that is none of `redis[s]://`, `redis[s]-cluster://` and `redis[s]-sentinel://` */
export function redisAddress(url: string): RedisAddress {
  const match = shape.exec(url)
  if (match === null) throw refusal()
  const [, s, kind, login, hosts = '', path = ''] = match
  const secure = s !== undefined
  if (kind === undefined) {
    if (!URL.canParse(url)) throw refusal()
    return { kind: 'single', url, secure }
  }
  const credentials = login === undefined ? {} : credentialsOf(login)
  const nodes = hosts.split(',').map((host) => nodeOf(host, kind === 'cluster' ? 6379 : 26379))
  if (kind === 'cluster') return { kind: 'cluster', nodes, credentials, secure }
  if (path === '') throw refusal()
  return { kind: 'sentinel', nodes, master: path, credentials, secure }
}

function credentialsOf(login: string): RedisCredentials {
  const colon = login.indexOf(':')
  const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon))
  const password = colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1))
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text)
  if (match === null) throw refusal()
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(match[2] ?? defaultPort) }
}

/** Does not repeat the URL, which may hold a password. */
const refusal = (): ConfigurationError =>
  new ConfigurationError([
    'redis.url is none that caudal knows: redis://host:port, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/master (rediss… for TLS).',
  ])
