import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeOf } from '../../../service/dsl/facade.ts'
import { specOf } from '../../../service/dsl/windows.ts'
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
import type { WindowedTable } from '../../../service/index.ts'
import type { WindowNode } from '../../../service/topology/node.ts'
import { refused } from './refused.ts'

type Value = { k: string; n: number }
const source = stream('in', { value: json<Value>() })
const keyed = source.byKey()
const hours = tumbling('1 hour')
const sessions = session<Value>({ gap: '1 minute' })

function windowOf(table: WindowedTable<string, unknown>): WindowNode {
  const node = nodeOf(table)
  assert.ok(node.kind === 'window' && Object.isFrozen(node) && Object.isFrozen(node.stores[0]))
  return node
}

test('an aggregate over windows has windows, functions, and one bucketed store of its aggregate', () => {
  const of = (v: Value) => v.n
  const kinds = [
    { windows: hours, stored: (codec: string) => codec },
    { windows: hopping(10, 5), stored: (codec: string) => `key-windows(hopping(${codec}))` },
    { windows: batches(3), stored: (codec: string) => `key-windows(hopping(${codec}))` },
    { windows: batches(3, 3), stored: (codec: string) => codec },
    { windows: sliding(10), stored: (codec: string) => `key-windows(sliding(${codec}))` },
    { windows: sessions, stored: (codec: string) => `key-windows(sessions(${codec}))` },
  ]
  for (const { windows, stored } of kinds) {
    const over = keyed.window(windows)
    const expected: readonly (readonly [string, WindowedTable<string, unknown>, codec: string])[] = [
      ['count', over.count('s'), 'float64'],
      ['sum', over.sum('s', of), 'float64'],
      ['min', over.min('s', of), 'float64'],
      ['max', over.max('s', of), 'float64'],
      ['average', over.average('s', of), 'sum-and-count'],
      ['countByValue', over.countByValue('s', (v) => v.k), 'json'],
      ['reduce', over.reduce('s', (left) => left, { state: structured() }), 'structured'],
    ]
    for (const [name, table, codec] of expected) {
      const node = windowOf(table)
      assert.deepEqual([node.function, node.name, node.inputs, node.windows], [name, 's', [nodeOf(keyed)], specOf(windows)])
      assert.deepEqual([node.merge !== undefined, node.remove !== undefined], [true, false], name)
      assert.deepEqual(
        node.stores.map((store) => [store.name, store.shape, store.codec.name, typeof store.layout]),
        [['s', 'bucketed', stored(codec), 'string']],
      )
    }
  }
})

test("an aggregate of the user's own keeps its functions", () => {
  const aggregation = {
    initial: () => 0,
    add: (n: number, v: Value) => n + v.n,
    remove: (n: number, v: Value) => n - v.n,
    merge: (left: number, right: number) => left + right,
  }
  for (const node of [
    windowOf(keyed.window(hours).aggregate('s', aggregation)),
    windowOf(keyed.window(sessions).aggregate('s', aggregation)),
  ]) {
    const { initial, add, remove, merge, finish } = node
    assert.deepEqual({ initial, add, remove, merge, finish }, { ...aggregation, finish: undefined })
  }
  const without = windowOf(keyed.window(hours).aggregate('s', { initial: () => 0, add: (n: number) => n }))
  assert.deepEqual([without.remove, without.merge], [undefined, undefined])
})

test('windows are emitted in three modes, and have late records', () => {
  const table = keyed.window(hours).count('s')
  for (const mode of ['append', 'update', 'complete'] as const) {
    const node = nodeOf(mode === 'append' ? table.emit(mode) : table.emit(mode))
    assert.ok(node.kind === 'windowEmit' && Object.isFrozen(node))
    assert.deepEqual([node.mode, node.label, node.inputs], [mode, 'emit', [nodeOf(table)]])
  }
  const late = nodeOf(table.late())
  assert.deepEqual([late.kind, late.inputs], ['late', [nodeOf(table)]])
  refused(() => table.emit('changes' as never), /The mode of emit is 'changes'; it is one of: append, update, complete/)
  assert.ok(topology('only-late', table.late().print()))
})

test('only sessions with startsWith have records outside', () => {
  const startsWith = (v: Value) => v.k === 'start'
  const node = nodeOf(
    keyed
      .window(session({ gap: 5, startsWith }))
      .count('s')
      .outside(),
  )
  assert.deepEqual([node.kind, node.inputs[0]?.kind], ['outside', 'window'])
  for (const windows of [hours, sliding(5), sessions, session<Value>({ endsWith: startsWith })])
    refused(() => keyed.window(windows).count('s').outside(), /outside\(\) of 's': only sessions with startsWith/)
})

test('what types would refuse is refused without them, with a sentence', () => {
  const counting = { initial: () => 0, add: (n: number) => n + 1 }
  refused(() => keyed.window(undefined as never), /window\(\) needs windows made by tumbling/)
  refused(() => keyed.window('1 hour' as never), /window\(\) needs windows/)
  refused(() => keyed.window(sessions).aggregate('s', counting as never), /aggregate 's' is over sessions and has no merge/)
  refused(() => keyed.window(hours).count('Per Hour'), /The name of a count is "Per Hour"/)
  refused(() => keyed.window(hours).sum('s', 'n' as never), /sum 's' needs a function/)
  refused(
    () => keyed.window(hours).reduce('s', (v) => v, { state: nullable(json<Value>()) as never }),
    /reduce 's' has a nullable/,
  )
  refused(() => keyed.window(hours).aggregate('s', { ...counting, merge: 5 } as never), /merge of aggregate 's' needs a function/)
  refused(() => topology('none', keyed.window(hours) as never), /stream, a table or a sink was expected/)
  refused(() => topology('none', keyed.window(hours).count('s') as never), /a stream or a table where a sink belongs/)
})

test("order 'arrival' takes records as one writer wrote them: behind a repartition topic there is no such order", () => {
  const arriving = session<Value>({ endsWith: (v) => v.k === 'end', order: 'arrival' })
  assert.ok(keyed.window(arriving).count('s'))
  assert.ok(
    source
      .keyBy((v) => v.k, { alreadyPartitioned: true })
      .window(arriving)
      .count('s'),
  )
  const sentence = /order 'arrival' stands behind a keyBy or global: .* Take order 'time'/
  refused(() => source.keyBy((v) => v.k).window(arriving), sentence)
  refused(
    () =>
      source
        .global()
        .records()
        .filter(() => true)
        .byKey()
        .window(arriving),
    sentence,
  )
})
