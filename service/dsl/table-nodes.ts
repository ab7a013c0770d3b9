/** Builds the nodes of keyed aggregates and tables: checked where they are given, and frozen. */
import type { CodecFor } from '../codec/codec.ts'
import { float64 } from '../codec/float64.ts'
import { json } from '../codec/json.ts'
import { type SumAndCount, sumAndCount } from '../codec/sum-and-count.ts'
import type { AggregateNode, EmitNode, TableFilterNode, TableMapNode, TopologyNode } from '../topology/node.ts'
import { checkedChoice, checkedFunction, checkedName, checkedStateCodec } from './checks.ts'
import { step } from './stream-nodes.ts'
import type { Aggregation } from './types.ts'

type StateOption = { readonly state?: CodecFor<unknown> }

/** How an aggregate computes: what it is called, how its state is written, and how it begins, goes on and reads. */
interface Computation<A> {
  readonly function: string
  readonly codec: CodecFor<A>
  readonly initial: (key: unknown) => A | undefined
  readonly add: (aggregate: A, value: unknown, record: AggregateRecord) => A | undefined
  readonly finish?: (aggregate: A) => unknown
}
type AggregateRecord = Parameters<AggregateNode['add']>[2]

const nothing = () => undefined

function aggregate<A>(input: TopologyNode, name: string, computation: Computation<A>): AggregateNode {
  const what = `${computation.function} '${checkedName(`a ${computation.function}`, name)}'`
  const codec = checkedStateCodec(what, computation.codec) as CodecFor<unknown>
  return Object.freeze({
    kind: 'aggregate',
    ...step(input),
    name,
    label: computation.function,
    stores: Object.freeze([Object.freeze({ name, shape: 'keyed', codec })]),
    function: computation.function,
    initial: computation.initial,
    // The state that comes in is what `initial`, `add` or the codec gave out: an A, or undefined where `initial` gives that.
    add: computation.add as AggregateNode['add'],
    remove: undefined,
    merge: undefined,
    finish: computation.finish as AggregateNode['finish'],
  })
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

export const toTableNode = (input: TopologyNode, name: string, { state = json() }: StateOption = {}): AggregateNode =>
  aggregate<unknown>(input, name, { function: 'toTable', codec: state, initial: nothing, add: (_, value) => value ?? undefined })

export const countNode = (input: TopologyNode, name: string): AggregateNode =>
  aggregate<number>(input, name, { function: 'count', codec: float64(), initial: () => 0, add: (count) => count + 1 })

export function sumNode(input: TopologyNode, name: string, of: (value: unknown) => number): AggregateNode {
  const number = numberOf(`sum '${name}'`, of)
  return aggregate<number>(input, name, {
    function: 'sum',
    codec: float64(),
    initial: () => 0,
    add: (sum, value) => sum + number(value),
  })
}

export function minNode(input: TopologyNode, name: string, of: (value: unknown) => number): AggregateNode {
  const number = numberOf(`min '${name}'`, of)
  const add = (least: number | undefined, value: unknown) => Math.min(least ?? Number.POSITIVE_INFINITY, number(value))
  return aggregate<number | undefined>(input, name, {
    function: 'min',
    codec: float64() as CodecFor<number | undefined>,
    initial: nothing,
    add,
  })
}

export function maxNode(input: TopologyNode, name: string, of: (value: unknown) => number): AggregateNode {
  const number = numberOf(`max '${name}'`, of)
  const add = (most: number | undefined, value: unknown) => Math.max(most ?? Number.NEGATIVE_INFINITY, number(value))
  return aggregate<number | undefined>(input, name, {
    function: 'max',
    codec: float64() as CodecFor<number | undefined>,
    initial: nothing,
    add,
  })
}

export function averageNode(input: TopologyNode, name: string, of: (value: unknown) => number): AggregateNode {
  const number = numberOf(`average '${name}'`, of)
  return aggregate<SumAndCount>(input, name, {
    function: 'average',
    codec: sumAndCount,
    initial: () => ({ sum: 0, count: 0 }),
    add: ({ sum, count }, value) => ({ sum: sum + number(value), count: count + 1 }),
    finish: ({ sum, count }) => sum / count,
  })
}

export function countByValueNode(input: TopologyNode, name: string, of: (value: unknown) => string): AggregateNode {
  const what = `countByValue '${name}'`
  checkedFunction(what, of)
  return aggregate<Readonly<Record<string, number>>>(input, name, {
    function: 'countByValue',
    codec: json(),
    initial: () => ({}),
    add: (counts, value) => {
      const counted = of(value)
      if (typeof counted !== 'string')
        throw new TypeError(`${what} takes strings, and user code returned ${typeof counted} for one.`)
      // Own fields alone, and a computed one: so '__proto__' and 'constructor' are values like any other.
      const before = Object.hasOwn(counts, counted) ? (counts[counted] ?? 0) : 0
      return { ...counts, [counted]: before + 1 }
    },
  })
}

type Reducer = (left: unknown, right: unknown) => unknown

export function reduceNode(
  input: TopologyNode,
  name: string,
  { fn, state = json() }: StateOption & { readonly fn: Reducer },
): AggregateNode {
  checkedFunction(`reduce '${name}'`, fn)
  const add = (left: unknown, right: unknown) => (left === undefined ? right : fn(left, right))
  return aggregate<unknown>(input, name, { function: 'reduce', codec: state, initial: nothing, add })
}

export function aggregateNode(
  input: TopologyNode,
  name: string,
  options: Aggregation<unknown, unknown, unknown> & StateOption,
): AggregateNode {
  const { initial, add, state = json() } = options
  checkedFunction(`initial of aggregate '${name}'`, initial)
  checkedFunction(`add of aggregate '${name}'`, add)
  return aggregate<unknown>(input, name, { function: 'aggregate', codec: state, initial, add })
}

export const tableMapNode = (input: TopologyNode, fn: TableMapNode['fn']): TableMapNode =>
  Object.freeze({ kind: 'tableMap', ...step(input), fn: checkedFunction('map', fn) })

export const tableFilterNode = (input: TopologyNode, fn: TableFilterNode['fn']): TableFilterNode =>
  Object.freeze({ kind: 'tableFilter', ...step(input), fn: checkedFunction('filter', fn) })

export const emitNode = (input: TopologyNode, mode: 'update'): EmitNode =>
  Object.freeze({ kind: 'emit', ...step(input), mode: checkedChoice('The mode of emit', mode, ['update']) })

export const changesNode = (input: TopologyNode): EmitNode =>
  Object.freeze({ kind: 'emit', ...step(input), label: 'changes', mode: 'changes' })
