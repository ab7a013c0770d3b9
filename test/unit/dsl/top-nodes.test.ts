import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nodeOf } from '../../../service/dsl/facade.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import {
  batches,
  hopping,
  json,
  nullable,
  session,
  sliding,
  stream,
  structured,
  topology,
  tumbling,
} from '../../../service/index.ts'
import { fingerprint } from '../../../service/topology/fingerprint.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import type { TopologyNode } from '../../../service/topology/node.ts'
import { refused } from './refused.ts'

const source = stream('in', { value: json<{ n: number }>() })
const keyed = source.byKey()
const table = keyed.count('t')
const descending = (a: number, b: number) => b - a

/** The node and what it is reached through, back to the table that it is of. */
function chainOf(top: unknown): readonly TopologyNode[] {
  const merge = nodeOf(top)
  const [parts] = merge.inputs
  const [part] = parts?.inputs ?? []
  assert.ok(parts !== undefined && part !== undefined)
  return [part, parts, merge]
}

test('a top over a table is a part a task, one repartition topic, and an aggregate that merges', () => {
  const [part, parts, merge] = chainOf(table.top('best', 3, descending))
  assert.ok(part?.kind === 'topPart' && parts?.kind === 'repartition' && merge?.kind === 'aggregate')
  assert.ok([part, parts, merge].every(Object.isFrozen))
  assert.deepEqual([part.inputs, part.ranking.n, part.stores], [[nodeOf(table)], 3, []])
  assert.deepEqual([parts.name, parts.partitions, parts.value.name], ['best', 1, 'top-parts(json)'])
  assert.deepEqual(
    merge.stores.map(({ name, shape, codec }) => [name, shape, codec.name]),
    [['best', 'keyed', 'top(json)']],
  )
})

describe('a top per window merges in windows with the same ends', () => {
  const cases = [
    [tumbling(10), { sizeMs: 10, advanceMs: 10, offsetMs: 0, rowSizeMs: 10 }],
    [tumbling(10, { offset: 3, grace: 5 }), { sizeMs: 10, advanceMs: 10, offsetMs: 3, rowSizeMs: 10 }],
    [hopping(21, 5, { offset: 2 }), { sizeMs: 5, advanceMs: 5, offsetMs: 3, rowSizeMs: 21 }],
  ] as const
  for (const [windows, expected] of cases)
    test(JSON.stringify(expected), () => {
      const rows = keyed.window(windows).count('w')
      for (const top of [rows.top('best', 2, descending), rows.top('a', 1, descending).top('best', 2, () => 0)]) {
        const merge = nodeOf(top)
        assert.ok(merge.kind === 'window')
        assert.deepEqual(merge.windows, { kind: 'aligned', graceMs: 0, ...expected })
      }
    })
})

test('describe tells the number of rows, the topic between, and the windows that rows show', () => {
  const best = keyed.window(hopping(20, 5)).count('w').top('best', 3, descending)
  assert.equal(
    topology('shop', [best.emit('append').print(), table.emit('complete').print()]).describe(),
    `Topology: shop
  Sub-topology: 0
    source-0 (topic: in)
      --> byKey-1
    byKey-1
      <-- source-0
      --> window-2, count-8
    window-2 (hopping 20 ms every 5 ms; function: count; store: w, changelog: shop-w-changelog)
      <-- byKey-1
      --> top-3
    top-3 (first 3; best)
      <-- window-2
      --> global-4
    global-4 (to repartition topic: shop-best-repartition)
      <-- top-3
    count-8 (store: t, changelog: shop-t-changelog)
      <-- byKey-1
      --> emit-9
    emit-9 (complete)
      <-- count-8
      --> print-10
    print-10
      <-- emit-9
  Sub-topology: 1
    global-4 (from repartition topic: shop-best-repartition)
      --> window-5
    window-5 (hopping 20 ms every 5 ms; function: top; store: best, changelog: shop-best-changelog)
      <-- global-4
      --> emit-6
    emit-6 (append)
      <-- window-5
      --> print-7
    print-7
      <-- emit-6
`,
  )
})

test('how many rows, and in which order, is no part of the fingerprint; the codec of their values is', () => {
  const print = (n: number, state = json<number>()) =>
    fingerprint(graphOf(definitionOf(topology('app', table.top('best', n, descending, { state }).to('out', { value: json() })))))
  assert.equal(print(1), print(2))
  assert.notEqual(print(1), print(1, structured()))
})

test('what makes no sense is refused, with a sentence', () => {
  refused(() => table.top('Best', 3, descending), /The name of a top is "Best"/)
  for (const n of [0, -1, 1.5, Number.NaN, '3' as never])
    refused(() => table.top('best', n, descending), /The number of rows of top 'best' is .*; it is a whole number from 1 up/)
  refused(() => table.top('best', 3, undefined as never), /compare of top 'best' needs a function/)
  refused(
    () => table.top('best', 3, descending, { state: nullable(json<number>()) as never }),
    /top 'best' has a nullable codec for its state/,
  )
  refused(
    () =>
      keyed
        .window(session({ gap: 5 }))
        .count('w')
        .top('best', 3, descending),
    /top 'best' is over sessions, .* take tumbling/,
  )
  refused(
    () => keyed.window(batches(2)).count('w').top('best', 3, descending),
    /top 'best' is over windows of batches, .* take tumbling/,
  )
  refused(
    () => keyed.window(sliding(5)).count('w').top('best', 3, descending),
    /top 'best' is over sliding windows, .* take tumbling/,
  )
  refused(() => topology('twice', table.top('t', 3, descending).to('out', { value: json() })), /Two stores are named 't'/)
})
