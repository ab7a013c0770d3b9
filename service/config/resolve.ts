/** From layers of given values to one checked configuration, or to the list of everything that is wrong with them. */
import { isSecure, passwordIn, withPassword } from './redis-url.ts'
import { readFileSync } from 'node:fs'
import { ConfigurationError } from '../errors.ts'
import { redacted } from './redact.ts'
import type { Setting } from './setting.ts'
import { type Configuration, settingsByKey } from './settings.ts'
import { type Given, type Layer, messageOf } from './sources.ts'

/** Defects of a configuration whose values are each right, or stand at their default because they are not. */
export type Check = (configuration: Configuration) => readonly string[]

/**
 * The configuration of `layers`; later ones win, key by key.
 * @throws ConfigurationError with every defect of every layer.
 */
export function resolve(layers: readonly Layer[], check: Check = () => []): Configuration {
  const defects = layers.flatMap((layer) => layer.defects)
  const winners = new Map<string, Given>()
  for (const given of layers.flatMap((layer) => layer.given)) winners.set(given.key, given)
  const values = new Map<string, unknown>()
  for (const [key, setting] of settingsByKey) values.set(key, valueOf(key, setting, { winners, layers, defects }))
  const configuration = nest(values) as unknown as Configuration
  defects.push(...contradictions(configuration), ...check(configuration))
  if (defects.length > 0) throw new ConfigurationError(defects)
  return withoutPasswordInUrl(configuration)
}

interface Found {
  readonly winners: ReadonlyMap<string, Given>
  readonly layers: readonly Layer[]
  readonly defects: string[]
}

function valueOf(key: string, setting: Setting, { winners, layers, defects }: Found): unknown {
  const direct = winners.get(key)
  const file = winners.get(`${key}File`)
  const rank = (given: Given) => layers.findLastIndex((layer) => layer.given.includes(given))
  if (direct && file && rank(direct) === rank(file))
    defects.push(`${direct.from} and ${file.from}: only one of the two may be given`)
  const useFile = file !== undefined && (direct === undefined || rank(file) > rank(direct))
  const given = useFile ? fileContent(file, defects) : direct
  if (given === undefined) return setting.default
  const parsed = setting.type.safeParse(given.value)
  if (parsed.success) return parsed.data
  const shown = setting.secret ? '' : `, is ${withoutPassword(JSON.stringify(given.value))}`
  defects.push(`${given.from}: must be ${setting.expects}${shown}`)
  return setting.default
}

/** A value that is wrong may still be a URL that holds a password. */
const withoutPassword = (text: string) => text.replace(/(\/\/[^\s/@:]*:)[^\s/@]*@/g, `$1${redacted}@`)

function fileContent(file: Given, defects: string[]): Given | undefined {
  try {
    return { ...file, value: readFileSync(String(file.value), 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    defects.push(`${file.from}: cannot be read (${messageOf(error)})`)
    return undefined
  }
}

/** What each value alone cannot show. */
function contradictions({ kafka, redis, schemaRegistry }: Configuration): string[] {
  const { sasl, ssl } = kafka
  const defects: string[] = []
  if (sasl.mechanism !== null && (sasl.username === null || sasl.password === null))
    defects.push('kafka.sasl.mechanism: needs kafka.sasl.username and kafka.sasl.password')
  if (sasl.mechanism === null && (sasl.username !== null || sasl.password !== null))
    defects.push('kafka.sasl.username, kafka.sasl.password: need kafka.sasl.mechanism')
  if (!ssl.enabled && (ssl.ca !== null || ssl.cert !== null || ssl.key !== null))
    defects.push('kafka.ssl.ca, kafka.ssl.cert, kafka.ssl.key: need kafka.ssl.enabled')
  if ((ssl.cert === null) !== (ssl.key === null)) defects.push('kafka.ssl.cert and kafka.ssl.key: need each other')
  if (kafka.heartbeatIntervalMs * 3 > kafka.sessionTimeoutMs)
    defects.push(
      `kafka.heartbeatIntervalMs: must be at most a third of kafka.sessionTimeoutMs (${kafka.sessionTimeoutMs}), is ${kafka.heartbeatIntervalMs}`,
    )
  if (kafka.replicationFactor === 0) defects.push('kafka.replicationFactor: must be −1 or at least 1, is 0')
  if (redis.ca !== null && (redis.url === null || !isSecure(redis.url)))
    defects.push('redis.ca: needs a redis.url with TLS, which begins with rediss')
  if (redis.url !== null && redis.password !== null && passwordIn(redis.url) !== '')
    defects.push('redis.url, redis.password: both hold a password; give it once')
  if ((schemaRegistry.username === null) !== (schemaRegistry.password === null))
    defects.push('schemaRegistry.username and schemaRegistry.password: need each other')
  if (schemaRegistry.url !== null && new URL(schemaRegistry.url).username + new URL(schemaRegistry.url).password !== '')
    defects.push(
      'schemaRegistry.url: holds a name or a password; those go into schemaRegistry.username and schemaRegistry.password',
    )
  return defects
}

/** A password in the URL moves to `redis.password`, so that no secret stands where it might be printed. */
function withoutPasswordInUrl(configuration: Configuration): Configuration {
  if (configuration.redis.url === null) return configuration
  const password = passwordIn(configuration.redis.url)
  if (password === '') return configuration
  const url = withPassword(configuration.redis.url, '')
  return { ...configuration, redis: { ...configuration.redis, url, password } }
}

type Branch = { [key: string]: unknown }

function nest(values: ReadonlyMap<string, unknown>): Branch {
  const root: Branch = {}
  for (const [key, value] of values) {
    const parts = key.split('.')
    const leaf = parts.pop() ?? key
    let branch = root
    for (const part of parts) branch = (branch[part] ??= {}) as Branch
    branch[leaf] = value
  }
  return root
}
