/** The three spellings of a configuration key, and the known name that is nearest to an unknown one. */
import { settingsByKey } from './settings.ts'

const words = (key: string) => key.split('.').flatMap((part) => part.split(/(?=[A-Z])/))

/** `kafka.sessionTimeoutMs` → `CAUDAL_KAFKA_SESSION_TIMEOUT_MS`. */
export const environmentName = (key: string) => ['CAUDAL', ...words(key)].join('_').toUpperCase()

/** `kafka.sessionTimeoutMs` → `kafka-session-timeout-ms`, without the dashes before it. */
export const flagName = (key: string) => words(key).join('-').toLowerCase()

/** Every key that may be given, with those that name a file to read a setting from: `redis.passwordFile` for `redis.password`. */
export const givenKeys: readonly string[] = [...settingsByKey].flatMap(([key, { fromFile }]) =>
  fromFile ? [key, `${key}File`] : [key],
)

export const keyByEnvironmentName: ReadonlyMap<string, string> = new Map(givenKeys.map((key) => [environmentName(key), key]))
export const keyByFlagName: ReadonlyMap<string, string> = new Map(givenKeys.map((key) => [flagName(key), key]))

/** Edits (insert, delete, replace) that make `left` into `right`. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 0; i < left.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < right.length; j++) {
      const replaced = (row[j] ?? 0) + (left[i] === right[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}

/** The candidate that `name` was most likely meant to be; undefined where none is near. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const ranked = [...candidates].map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.edits - b.edits)[0]
  return best !== undefined && best.edits <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined
}

/** `; did you mean X?`, or nothing. */
export function suggestion(name: string, candidates: Iterable<string>, show = (candidate: string) => candidate): string {
  const found = nearest(name, candidates)
  return found === undefined ? '' : `; did you mean ${show(found)}?`
}
