/** The keys that keyBy is given: of which kind they are, and that all are of one. */
import type { KeyKind } from '../codec/text-keys.ts'
import { FatalError } from '../errors.ts'

/** @throws TypeError for what cannot be a key */
function kindOfKey(key: unknown): KeyKind {
  if (typeof key === 'string') return 's'
  if (typeof key === 'bigint') return 'b'
  if (typeof key === 'number' && !Number.isNaN(key)) return 'n'
  const shown = key === null ? 'null' : typeof key === 'number' ? 'NaN' : typeof key
  throw new TypeError(`a key is a string, a number or a bigint, and the function returned ${shown}`)
}

/** The identity of a key: the bytes of its text, one a character. */
export function latin1OfText(key: string): string {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 127) return Buffer.from(key).toString('latin1')
  return key
}

/** Sees to it that one keyBy gives keys of one kind: 1 and '1' would be the same bytes. */
export class KeyKindGuard {
  #kind: KeyKind | undefined

  /** @throws TypeError for a key of another kind than the first */
  check(key: unknown): KeyKind {
    const kind = kindOfKey(key)
    if (this.#kind === undefined) this.#kind = kind
    if (kind !== this.#kind)
      throw new TypeError(`a key is a ${nameOf(kind)}, and earlier ones were ${nameOf(this.#kind)}s: return one type`)
    return kind
  }
}

const nameOf = (kind: KeyKind): string => ({ s: 'string', n: 'number', b: 'bigint' })[kind]

/** @throws FatalError for a character that no version wrote */
export function parseKeyKind(character: string): KeyKind {
  if (character === 's' || character === 'n' || character === 'b') return character
  throw new FatalError(
    `A record of a repartition topic has a key of unknown kind ${JSON.stringify(character)}: was it written by another program?`,
  )
}
