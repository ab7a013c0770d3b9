/** The configuration as it may be shown: by key, secrets left out. */
import { type Configuration, settingsByKey } from './settings.ts'

/** What stands in the place of a secret that is set. */
export const redacted = '[redacted]'

function valueAt(configuration: Configuration, key: string): unknown {
  let value: unknown = configuration
  for (const part of key.split('.')) value = (value as Record<string, unknown>)[part]
  return value
}

/** For the log: every setting by its dotted key. */
export function printable(configuration: Configuration): Readonly<Record<string, unknown>> {
  const shown = (key: string, secret: boolean) => {
    const value = valueAt(configuration, key)
    return secret && value !== null ? redacted : value
  }
  return Object.fromEntries([...settingsByKey].map(([key, { secret }]) => [key, shown(key, secret)]))
}
