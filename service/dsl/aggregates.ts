/** How the aggregates of the language compute, over all records of a key as over those of a window. */
import type { CodecFor } from '../codec/codec.ts'
import { float64 } from '../codec/float64.ts'
import { json } from '../codec/json.ts'
import { type SumAndCount, sumAndCount } from '../codec/sum-and-count.ts'
import type { AggregateFunctions, RecordInfo } from '../topology/node.ts'
import { checkedFunction, checkedName, checkedStateCodec } from './checks.ts'
import type { Aggregation } from './types.ts'

export type StateOption = { readonly state?: CodecFor<unknown> }

/** A checked aggregate, without what it is computed over. */
export interface Aggregate {
  /** Names its store. */
  readonly name: string
  readonly codec: CodecFor<unknown>
  readonly functions: AggregateFunctions
}

/** What AggregateFunctions is for an aggregate of type A, and how that is written. */
interface Computation<A> {
  readonly function: string
  readonly codec: CodecFor<A>
  readonly initial: (key: unknown) => A | undefined
  readonly add: (aggregate: A, value: unknown, record: RecordInfo) => A | undefined
  readonly remove?: ((aggregate: A, value: unknown) => A | undefined) | undefined
  readonly merge?: ((left: A, right: A) => A) | undefined
  readonly finish?: (aggregate: A) => unknown
}

const nothing = () => undefined

function aggregate<A>(name: string, computation: Computation<A>): Aggregate {
  const { function: called, codec, initial, add, remove, merge, finish } = computation
  const what = `${called} '${checkedName(`a ${called}`, name)}'`
  // What comes in was given out by `initial`, `add`, `remove`, `merge` or the codec: an A, or undefined where `initial` gives that.
  const functions = { function: called, initial, add, remove, merge, finish } as AggregateFunctions
  return { name, codec: checkedStateCodec(what, codec) as CodecFor<unknown>, functions }
}

/** `of`, with its result checked: one NaN or string would spoil the number kept. The TypeError is an error of the record. */
function numberOf(what: string, of: (value: unknown) => number): (value: unknown) => number {
  checkedFunction(what, of)
  return (value) => {
    const number = of(value)
    if (Number.isFinite(number)) return number
    throw new TypeError(
      `${what} takes finite numbers, and user code returned ${typeof number === 'number' ? number : typeof number} for one.`,
    )
  }
}

/** The last value that was not null. */
export const latest = (name: string, { state = json() }: StateOption = {}): Aggregate =>
  aggregate<unknown>(name, { function: 'toTable', codec: state, initial: nothing, add: (_, value) => value ?? undefined })

export const count = (name: string): Aggregate =>
  aggregate<number>(name, {
    function: 'count',
    codec: float64(),
    initial: () => 0,
    add: (counted) => counted + 1,
    merge: (left, right) => left + right,
  })

export function sum(name: string, of: (value: unknown) => number): Aggregate {
  const number = numberOf(`sum '${name}'`, of)
  return aggregate<number>(name, {
    function: 'sum',
    codec: float64(),
    initial: () => 0,
    add: (total, value) => total + number(value),
    merge: (left, right) => left + right,
  })
}

export const min = (name: string, of: (value: unknown) => number): Aggregate =>
  extreme(name, { function: 'min', best: Math.min, of })

export const max = (name: string, of: (value: unknown) => number): Aggregate =>
  extreme(name, { function: 'max', best: Math.max, of })

interface Extreme {
  readonly function: 'min' | 'max'
  readonly best: (left: number, right: number) => number
  readonly of: (value: unknown) => number
}

function extreme(name: string, { function: called, best, of }: Extreme): Aggregate {
  const number = numberOf(`${called} '${name}'`, of)
  return aggregate<number>(name, {
    function: called,
    codec: float64(),
    initial: nothing,
    add: (known: number | undefined, value) => (known === undefined ? number(value) : best(known, number(value))),
    merge: best,
  })
}

export function average(name: string, of: (value: unknown) => number): Aggregate {
  const number = numberOf(`average '${name}'`, of)
  return aggregate<SumAndCount>(name, {
    function: 'average',
    codec: sumAndCount,
    initial: () => ({ sum: 0, count: 0 }),
    add: (known, value) => ({ sum: known.sum + number(value), count: known.count + 1 }),
    merge: (left, right) => ({ sum: left.sum + right.sum, count: left.count + right.count }),
    finish: (known) => known.sum / known.count,
  })
}

type Counts = Readonly<Record<string, number>>

/** Only own fields, and computed ones: so '__proto__' and 'constructor' are values like any other. */
const countOf = (counts: Counts, value: string): number => (Object.hasOwn(counts, value) ? (counts[value] ?? 0) : 0)

export function countByValue(name: string, of: (value: unknown) => string): Aggregate {
  const what = `countByValue '${name}'`
  checkedFunction(what, of)
  const textOf = (value: unknown): string => {
    const counted = of(value)
    if (typeof counted === 'string') return counted
    throw new TypeError(`${what} takes strings, and user code returned ${typeof counted} for one.`)
  }
  return aggregate<Counts>(name, {
    function: 'countByValue',
    codec: json(),
    initial: () => ({}),
    add: (counts, value) => {
      const counted = textOf(value)
      return { ...counts, [counted]: countOf(counts, counted) + 1 }
    },
    merge: (left, right) => {
      const sums = Object.entries(right).map(([value, counted]) => [value, countOf(left, value) + counted] as const)
      return { ...left, ...Object.fromEntries(sums) }
    },
  })
}

type Reducer = (left: unknown, right: unknown) => unknown

export function reduce(name: string, { fn, state = json() }: StateOption & { readonly fn: Reducer }): Aggregate {
  checkedFunction(`reduce '${name}'`, fn)
  return aggregate<unknown>(name, {
    function: 'reduce',
    codec: state,
    initial: nothing,
    add: (left, right) => (left === undefined ? right : fn(left, right)),
    merge: fn,
  })
}

/** An aggregate of the user's own. */
export function custom(name: string, options: Aggregation<unknown, unknown, unknown> & StateOption): Aggregate {
  const { initial, add, remove, merge, state = json() } = options
  for (const [option, fn] of Object.entries({ initial, add })) checkedFunction(`${option} of aggregate '${name}'`, fn)
  for (const [option, fn] of Object.entries({ remove, merge }))
    if (fn !== undefined) checkedFunction(`${option} of aggregate '${name}'`, fn)
  return aggregate<unknown>(name, { function: 'aggregate', codec: state, initial, add, remove, merge })
}
