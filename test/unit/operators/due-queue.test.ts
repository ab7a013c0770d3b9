import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DueQueue } from '../../../service/operators/due-queue.ts'
import type { Entry } from '../../../service/state/state-view.ts'

const entryOf = (key: string): Entry => ({ bucket: null, key, value: 1, loaded: true, before: undefined, timestamp: 0 })

test('a queue gives out keys by their dues, then by their bytes, whatever the order they came in', () => {
  const keys = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom('a', 'ab', 'B', 'ÿ')), { maxLength: 50 })
  fc.assert(
    fc.property(keys, keys, (first, second) => {
      const queue = new DueQueue()
      const found: (readonly [number, string])[] = []
      const takeUpTo = (last: number) => {
        for (let next = queue.first; next !== undefined && next.due <= last; next = queue.first) {
          found.push([next.due, next.entry.key])
          queue.shift()
        }
      }
      const inOrder = (all: readonly (readonly [number, string])[]) =>
        all.toSorted(([a, x], [b, y]) => a - b || (x < y ? -1 : Number(x > y)))
      for (const [due, key] of first) queue.push({ due, entry: entryOf(key) })
      takeUpTo(4)
      const taken = first.filter(([due]) => due <= 4)
      assert.deepEqual(found.splice(0), inOrder(taken))
      for (const [due, key] of second) queue.push({ due, entry: entryOf(key) })
      takeUpTo(9)
      assert.deepEqual(found, inOrder([...first.filter(([due]) => due > 4), ...second]))
    }),
  )
})
