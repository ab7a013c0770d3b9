/** What scripts answer, taken for what it should be only when it is: types and lengths are checked, and what is wrong is told with its store. */
import { FatalError } from '../errors.ts'
import { isCount } from '../json-shape.ts'
import type { ScanPage, StoreId } from './store-backend.ts'
import { type Answer, scriptCode } from './store-scripts.ts'

/** A script's answer: its code and what follows it. */
export interface Reply {
  readonly code: number
  readonly first: unknown
  readonly second: unknown
  readonly third: unknown
  readonly fourth: unknown
}

export const text = (value: unknown): string => (Buffer.isBuffer(value) ? value.toString() : String(value))

/** @throws Error for what no script answers */
export function replyOf(reply: unknown): Reply {
  if (!Array.isArray(reply) || typeof reply[0] !== 'number') throw new Error(`ERR a script answered ${shown(reply)}`)
  return {
    code: reply[0],
    first: reply[1] as unknown,
    second: reply[2] as unknown,
    third: reply[3] as unknown,
    fourth: reply[4] as unknown,
  }
}

/** What was called, for messages. */
export interface Call {
  /** The script's name. */
  readonly script: string
  readonly id: StoreId
}

export function listOf<T>(value: unknown, is: (element: unknown) => element is T, call: Call): readonly T[] {
  if (!Array.isArray(value) || !value.every(is)) throw unexpected(call, value)
  return value
}

export const isBytes = (value: unknown): value is Buffer => Buffer.isBuffer(value)
export const isBytesOrNull = (value: unknown): value is Buffer | null => value === null || Buffer.isBuffer(value)

export function integerOf(value: unknown, call: Call): number {
  if (!Number.isSafeInteger(value)) throw unexpected(call, value)
  return Number(value)
}

export function countOf(value: unknown, call: Call): number {
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (!isCount(count)) throw unexpected(call, value)
  return count
}

/** Its name is the hex digits of its 8 bytes. */
export function bucketOf(name: Buffer, call: Call): Buffer {
  const digits = text(name)
  if (!/^[0-9a-f]{16}$/.test(digits)) throw unexpected(call, digits)
  return Buffer.from(digits, 'hex')
}

const shownBytes = 200

/** Our scripts answer nothing else: what is there is no Redis, or an answer to somebody else. */
export const unexpected = ({ script, id: { store, partition } }: Call, value: unknown): FatalError =>
  new FatalError(
    `Redis answered ${script} for store ${store} of partition ${partition} with what the script never returns: ${shown(value)}`,
    { fields: { store, partition } },
  )

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, shownBytes)

/** Keys and values that come in turn. */
export function pairs(flat: readonly Buffer[]): ScanPage['entries'] {
  const entries: { readonly key: Buffer; readonly value: Buffer }[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) entries.push({ key: flat[i]!, value: flat[i + 1]! })
  return entries
}

/** `value` reads what follows the code OK. */
export function answer<T>(call: Call, reply: Reply, value: (call: Call) => T): Answer<T> {
  switch (reply.code) {
    case scriptCode.OK:
      return { code: scriptCode.OK, value: value(call) }
    case scriptCode.FENCED:
      return { code: scriptCode.FENCED, epoch: text(reply.first) }
    case scriptCode.LOST:
      return { code: scriptCode.LOST, reason: text(reply.first) }
    default:
      throw unexpected(call, reply)
  }
}
