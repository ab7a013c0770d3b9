import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RankedRow } from '../../../service/codec/top.ts'
import { FirstRows } from '../../../service/operators/first-rows.ts'
import { Ranking } from '../../../service/topology/ranking.ts'
import { seedOfRun } from '../../support/random.ts'

const descending = (a: unknown, b: unknown) => Number(b) - Number(a)
const row = (key: string, value: number): RankedRow => ({ key, keyKind: 's', value })

test('are those of a plain sort, whatever comes, changes and goes', () => {
  const change = fc.record({
    key: fc.nat(60).map((n) => String.fromCharCode(n * 4)),
    value: fc.option(fc.nat(20), { nil: undefined, freq: 3 }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(change, { maxLength: 300 }), (n, changes) => {
      const ranking = new Ranking({ name: 't', n, compare: descending })
      const [first, all] = [new FirstRows(ranking), new Map<string, RankedRow>()]
      let known: readonly RankedRow[] | undefined
      for (const { key, value } of changes) {
        const changed = value === undefined ? undefined : row(key, value)
        if (changed === undefined) all.delete(key)
        else all.set(key, changed)
        first.take(key, changed)
        if (!first.isKnown) {
          first.begin()
          for (const one of all.values()) first.take(one.key, one)
        }
        const told = first.changed()
        const expected = [...all.values()]
          .toSorted(
            (a, b) =>
              Number(b.value) - Number(a.value) || Buffer.compare(Buffer.from(a.key, 'latin1'), Buffer.from(b.key, 'latin1')),
          )
          .slice(0, n)
        if (told !== undefined) known = told
        assert.deepEqual(known, expected)
        assert.equal(first.changed(), undefined)
      }
    }),
    { seed: seedOfRun(), numRuns: 200 },
  )
})

test('rows that get better, or are none of the first, need no look at the others; of those that get worse, few do', () => {
  const first = new FirstRows(new Ranking({ name: 't', n: 3, compare: descending }))
  assert.equal(first.isKnown, false)
  first.begin()
  for (let i = 0; i < 1000; i++) first.take(`k${i}`, row(`k${i}`, i))
  assert.deepEqual(
    first.changed()?.map(({ value }) => value),
    [999, 998, 997],
  )
  for (let i = 0; i < 900; i++) first.take(`k${i}`, row(`k${i}`, i / 2))
  assert.deepEqual([first.isKnown, first.changed()], [true, undefined])
  for (let i = 0; i < 900; i++) first.take(`k${i}`, undefined)
  assert.deepEqual([first.isKnown, first.changed()], [true, undefined])
  first.take('k950', row('k950', 2000))
  assert.deepEqual(
    first.changed()?.map(({ value }) => value),
    [2000, 999, 998],
  )
  // Of the 22 that are kept, 19 may leave.
  for (let i = 999; i > 980; i--) first.take(`k${i}`, row(`k${i}`, 0))
  assert.deepEqual(
    first.changed()?.map(({ value }) => value),
    [2000, 980, 979],
  )
  first.take('k980', undefined)
  assert.deepEqual([first.isKnown, first.changed()], [false, undefined])
})
