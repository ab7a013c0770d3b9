/** The values of options as what they mean: numbers, times, names. */
import type { OptionName } from './options.ts'

/** Undefined: not given, or not understood. */
export interface OptionValues {
  readonly exportName: string
  /** Undefined: until it is stopped. */
  readonly seconds: number | undefined
  readonly configFiles: readonly string[]
  /** A file of records, or `-`. */
  readonly input: string | undefined
  readonly partitions: number | undefined
  /** Records a batch, at most. */
  readonly batch: number | undefined
  /** Epoch ms. */
  readonly now: number | undefined
}

/** The meaning of a text; undefined where it has none. */
type Reader = (text: string) => number | undefined

/** Nothing is thrown, as in `readCommandLine`. `given` has each option's values in order, of which the last one counts. */
export function readOptionValues(given: ReadonlyMap<OptionName, readonly string[]>): {
  readonly values: OptionValues
  readonly defects: readonly string[]
} {
  const defects: string[] = []
  const last = (name: OptionName) => given.get(name)?.at(-1)
  const read = (name: OptionName, reader: Reader, what: string) => {
    const text = last(name)
    const value = text === undefined ? undefined : reader(text)
    if (text !== undefined && value === undefined) defects.push(`--${name}: must be ${what}, is "${text}"`)
    return value
  }
  const values = {
    exportName: last('export') ?? 'default',
    seconds: read('seconds', amount, 'a number of seconds'),
    configFiles: given.get('config') ?? [],
    input: last('input'),
    partitions: read('partitions', from1To(partitionsMax), `an integer from 1 to ${partitionsMax}`),
    batch: read('batch', from1To(Number.MAX_SAFE_INTEGER), 'an integer from 1'),
    now: read('now', time, 'a time such as 2026-01-01T08:00:00Z, or milliseconds since 1970'),
  }
  return { values, defects }
}

/** Each partition is a task of its own, in one thread. */
const partitionsMax = 1000

const amount: Reader = (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined)

const from1To =
  (max: number): Reader =>
  (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : 0
    return value >= 1 && value <= max ? value : undefined
  }

/** A date, or a date and time with its zone: without one it would be another time on another machine. */
const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

const time: Reader = (text) => {
  const ms = /^-?\d+$/.test(text) ? Number(text) : isoTime.test(text) ? Date.parse(text) : Number.NaN
  return Number.isSafeInteger(ms) ? ms : undefined
}
