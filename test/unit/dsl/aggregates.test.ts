import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as aggregates from '../../../service/dsl/aggregates.ts'
import type { AggregateFunctions, RecordInfo } from '../../../service/topology/node.ts'

type Value = { readonly k: string; readonly n: number }
const record: RecordInfo = { key: 'key', timestamp: 0, headers: {} }
const of = (value: unknown) => (value as Value).n
const nameOf = (value: unknown) => (value as Value).k

/** Whole numbers, so that sums are exact; names that are properties of every object are names like any other. */
const values = fc.array(
  fc.record({ k: fc.constantFrom('a', 'b', '', '__proto__', 'constructor'), n: fc.integer({ min: -1_000, max: 1_000 }) }),
  { minLength: 1, maxLength: 12 },
)
const built: readonly aggregates.Aggregate[] = [
  aggregates.count('s'),
  aggregates.sum('s', of),
  aggregates.min('s', of),
  aggregates.max('s', of),
  aggregates.average('s', of),
  aggregates.countByValue('s', nameOf),
  aggregates.reduce('s', { fn: (left, right) => ({ k: nameOf(left) + nameOf(right), n: of(left) + of(right) }) }),
]

/** Frozen at each step: no function may change what it was given. */
const fold = ({ initial, add }: AggregateFunctions, list: readonly Value[]): unknown =>
  list.reduce<unknown>((state, value) => Object.freeze(add(state, value, record)), Object.freeze(initial('key')))

test('what is merged is what would have come of all values, in their order', () => {
  for (const { functions } of built) {
    const { merge, function: called } = functions
    assert.ok(merge !== undefined, called)
    fc.assert(
      fc.property(values, values, (left, right) => {
        assert.deepEqual(merge(fold(functions, left), fold(functions, right)), fold(functions, [...left, ...right]), called)
      }),
    )
  }
})
