/** `redis.url`, as far as the configuration has to understand it: which schemes there are, and where the password stands. */

export const redisSchemes = ['redis', 'rediss', 'redis-cluster', 'rediss-cluster', 'redis-sentinel', 'rediss-sentinel'] as const

/** Not a URL as others are: several hosts may be named, separated by commas. */
const shape = /^(rediss?)(-cluster|-sentinel)?:\/\/(?:([^@/]*)@)?([^@\s]+)$/

export function isRedisUrl(text: string): boolean {
  const match = shape.exec(text)
  return match !== null && (match[2] !== undefined || URL.canParse(text))
}

/** Whether it asks for TLS. */
export const isSecure = (url: string): boolean => url.startsWith('rediss')

/** Empty where there is none. */
export function passwordIn(url: string): string {
  const { login } = partsOf(url)
  const colon = login.indexOf(':')
  return colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1))
}

/** The same with another password; with an empty one, with none. */
export function withPassword(url: string, password: string): string {
  const { scheme, login, place } = partsOf(url)
  const name = login.split(':')[0] ?? ''
  const changed = password === '' ? name : `${name}:${encodeURIComponent(password)}`
  return changed === '' ? `${scheme}://${place}` : `${scheme}://${changed}@${place}`
}

function partsOf(url: string): { readonly scheme: string; readonly login: string; readonly place: string } {
  const [, protocol = '', kind = '', login = '', place = ''] = shape.exec(url) ?? []
  return { scheme: protocol + kind, login, place }
}
