/** The kinds of settings: each reads text (environment, flags) as well as JSON, and says in words what it expects. */
import * as z from 'zod'

/** One configuration key. `T` is the type of its value once it has been read. */
export interface Setting<T = unknown> {
  readonly type: z.ZodType<T>
  readonly default: T
  /** What a value must be, as it stands in messages and in the help: `an integer from 1 to 64`. */
  readonly expects: string
  /** One sentence for the help, units included. */
  readonly help: string
  /** Never printed; may also come from a file, by the same key with `File` after it. */
  readonly secret: boolean
  /** May come from a file, though it is no secret. */
  readonly fromFile: boolean
  readonly isFlag: boolean
}

type Extra = { readonly secret?: boolean; readonly fromFile?: boolean; readonly isFlag?: boolean }
type Fallback<T> = { readonly default: T; readonly help: string }

function setting<T>(type: z.ZodType<T>, expects: string, fallback: Fallback<T>, extra: Extra = {}): Setting<T> {
  const { secret = false, isFlag = false } = extra
  return { type, expects, ...fallback, secret, isFlag, fromFile: secret || extra.fromFile === true }
}

const numberOf = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value)
const listOf = (value: unknown) =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    : value
const flags: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
}
const booleanOf = (value: unknown) => (typeof value === 'string' ? (flags[value.toLowerCase()] ?? value) : value)

export function integer(range: readonly [number, number], fallback: Fallback<number>): Setting<number> {
  const [least, most] = range
  return setting(z.preprocess(numberOf, z.int().min(least).max(most)), `an integer from ${least} to ${most}`, fallback)
}

export const milliseconds = (least: number, fallback: Fallback<number>) => integer([least, 2_147_483_647], fallback)

export const byteCount = (fallback: Fallback<number>) => integer([1024, Number.MAX_SAFE_INTEGER], fallback)

export function flag(fallback: Fallback<boolean>): Setting<boolean> {
  return setting(z.preprocess(booleanOf, z.boolean()), 'true or false', fallback, { isFlag: true })
}

export function oneOf<const T extends string>(choices: readonly T[], fallback: Fallback<NoInfer<T>>): Setting<T> {
  return setting<T>(z.enum(choices), `one of ${choices.join(', ')}`, fallback)
}

/** A choice that may be left out. */
export function maybeOneOf<const T extends string>(choices: readonly T[], help: string): Setting<T | null> {
  return setting<T | null>(z.nullable(z.enum(choices)), `one of ${choices.join(', ')}`, { default: null, help })
}

const identifier = z.string().regex(/^[a-zA-Z0-9._-]{1,120}$/)
const identifierExpects = '1 to 120 of the characters a–z, A–Z, 0–9, ".", "_", "-"'

/** Becomes part of names in Kafka and Redis. */
export const name = (fallback: Fallback<string>) => setting(identifier, identifierExpects, fallback)
export const maybeName = (help: string) => setting(z.nullable(identifier), identifierExpects, { default: null, help })

const addressPattern = /^(\[[0-9a-fA-F:]+\]|[^\s:,/]+):([0-9]{1,5})$/
function isAddress(text: string): boolean {
  const port = Number(addressPattern.exec(text)?.[2] ?? 0)
  return port >= 1 && port <= 65_535
}

export function addresses(help: string): Setting<readonly string[]> {
  return setting(z.preprocess(listOf, z.array(z.string().refine(isAddress))), 'addresses host:port, separated by commas', {
    default: [],
    help,
  })
}

export function maybeUrl(protocols: readonly string[], help: string): Setting<string | null> {
  const matches = (text: string) => URL.canParse(text) && protocols.includes(new URL(text).protocol)
  return maybeMatching(matches, `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`, help)
}

/** Text that `matches`; `expects` says what that is. */
export function maybeMatching(matches: (text: string) => boolean, expects: string, help: string): Setting<string | null> {
  return setting(z.nullable(z.string().refine(matches)), expects, { default: null, help })
}

export const word = (fallback: Fallback<string>) => setting(z.string().min(1), 'text', fallback)

export function maybeText(help: string, extra: Extra = {}): Setting<string | null> {
  return setting(z.nullable(z.string().min(1)), 'text', { default: null, help }, extra)
}
