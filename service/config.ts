/** Configuration: defaults, then files, then the environment, then flags; checked as a whole before anything starts. */
import { join } from 'node:path'
import { withPassword } from './config/redis-url.ts'
import { type Check, resolve } from './config/resolve.ts'
import type { Configuration } from './config/settings.ts'
import { fromEnvironment, fromFile, fromTree, type Layer } from './config/sources.ts'

export { printable } from './config/redact.ts'
export type { Configuration } from './config/settings.ts'
export type { Given, Layer } from './config/sources.ts'

export interface ConfigurationSources {
  readonly directory: string
  /** Files named on the command line, the last one winning. */
  readonly files?: readonly string[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** What the flags gave. */
  readonly flags?: Layer
  /** What a command takes as its default where it differs from the settings' own. */
  readonly commandDefaults?: object
  /** Defects that only a command sees. */
  readonly check?: Check
}

/**
 * The configuration of this process: settings' defaults < `config/default.json` < files < `CAUDAL_*` < flags.
 * @throws ConfigurationError with every defect of every source.
 */
export function loadConfiguration(sources: ConfigurationSources): Configuration {
  const { directory, files = [], environment = {}, flags, commandDefaults = {} } = sources
  const layers = [
    fromTree(commandDefaults, 'the command'),
    fromFile(join('config', 'default.json'), { directory, optional: true }),
    ...files.map((file) => fromFile(file, { directory })),
    fromEnvironment(environment),
    ...(flags ? [flags] : []),
  ]
  return resolve(layers, sources.check)
}

/** All defaults, for tests and for callers that change a few. */
export const defaultConfiguration: Configuration = resolve([])

/** `redis.url` with the password in it, as a client takes it; null without a Redis. Not to be printed. */
export function redisAddress({ redis }: Configuration): string | null {
  if (redis.url === null || redis.password === null) return redis.url
  return withPassword(redis.url, redis.password)
}

/** The schema registry with who asks it; null without one. Not to be printed. */
export function schemaRegistryAddress({ schemaRegistry: { url, username, password } }: Configuration) {
  return url === null ? null : { url, username, password }
}

interface Login<Mechanism> {
  readonly mechanism: Mechanism
  readonly username: string
  readonly password: string
}

export interface KafkaSecurity {
  readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: Login<'plain'> | Login<'scram-sha-256'> | Login<'scram-sha-512'>
}

/** TLS and login as Kafka's client takes them; absent where they are not set. Not to be printed. */
export function kafkaSecurity({ kafka: { ssl, sasl } }: Configuration): KafkaSecurity {
  const { mechanism, username, password } = sasl
  const { ca, cert, key } = ssl
  const given = { ...(ca === null ? {} : { ca }), ...(cert === null ? {} : { cert }), ...(key === null ? {} : { key }) }
  const login = mechanism !== null && username !== null && password !== null
  return {
    ...(ssl.enabled ? { ssl: given } : {}),
    ...(login ? { sasl: { mechanism, username, password } as NonNullable<KafkaSecurity['sasl']> } : {}),
  }
}
