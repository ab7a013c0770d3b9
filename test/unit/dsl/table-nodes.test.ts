import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeOf } from '../../../service/dsl/facade.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { json, type KeyedStream, nullable, stream, structured, type Table } from '../../../service/index.ts'
import type { AggregateNode, RecordInfo } from '../../../service/topology/node.ts'

type Value = { k: string; n: number }
const keyed: KeyedStream<string, Value> = stream('in', { value: json<Value>() }).byKey()
const record: RecordInfo = { key: 'key', timestamp: 0, headers: {} }

function aggregateOf<A>(table: Table<string, A>): AggregateNode {
  const node = nodeOf(table)
  assert.ok(node.kind === 'aggregate' && Object.isFrozen(node) && Object.isFrozen(node.stores[0]))
  return node
}

/** The state after `values`, through the codec at each step as a store would, and as a reader sees it. */
function fold(node: AggregateNode, values: readonly unknown[]): unknown {
  let state = node.initial('key')
  const codec = node.stores[0]?.codec
  for (const value of values) {
    const next = node.add(state, value, record)
    const bytes = next === undefined ? null : (codec?.encode(next) ?? null)
    state = bytes === null ? node.initial('key') : codec?.decode(bytes)
  }
  return node.finish === undefined ? state : node.finish(state)
}
const numbers = (...list: number[]) => list.map((n) => ({ k: 'k', n }))

test('the aggregates compute what they are called', () => {
  const values = numbers(3, -1, 4)
  const of = (v: Value) => v.n
  const expected: readonly (readonly [string, AggregateNode, unknown, codec: string])[] = [
    ['count', aggregateOf(keyed.count('s')), 3, 'float64'],
    ['sum', aggregateOf(keyed.sum('s', of)), 6, 'float64'],
    ['min', aggregateOf(keyed.min('s', of)), -1, 'float64'],
    ['max', aggregateOf(keyed.max('s', of)), 4, 'float64'],
    ['average', aggregateOf(keyed.average('s', of)), 2, 'sum-and-count'],
    ['reduce', aggregateOf(keyed.reduce('s', (left, right) => ({ ...right, n: left.n * right.n }))), { k: 'k', n: -12 }, 'json'],
    ['toTable', aggregateOf(keyed.toTable('s')), { k: 'k', n: 4 }, 'json'],
    [
      'aggregate',
      aggregateOf(keyed.aggregate('s', { initial: (key) => [key], add: (list, v) => [...list, `${v.n}`] })),
      ['key', '3', '-1', '4'],
      'json',
    ],
  ]
  for (const [name, node, result, codec] of expected) {
    assert.deepEqual(fold(node, values), result, name)
    assert.deepEqual([node.function, node.label, node.name], [name, name, 's'])
    assert.deepEqual(
      [node.stores.length, node.stores[0]?.name, node.stores[0]?.shape, node.stores[0]?.codec.name],
      [1, 's', 'keyed', codec],
    )
  }
})

test('extremes and reductions begin with the first value itself', () => {
  assert.equal(fold(aggregateOf(keyed.min('s', (v) => v.n)), numbers(7)), 7)
  assert.equal(fold(aggregateOf(keyed.max('s', (v) => v.n)), numbers(-7)), -7)
  const never = () => assert.fail('one value needs no reducing')
  assert.deepEqual(fold(aggregateOf(keyed.reduce('s', never)), numbers(5)), { k: 'k', n: 5 })
})

test('numbers that would spoil a store are errors of user code', () => {
  for (const bad of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '5',
    undefined,
    null,
    5n,
    Promise.resolve(5),
  ]) {
    const of = () => bad as number
    for (const table of [keyed.sum('s', of), keyed.min('s', of), keyed.max('s', of), keyed.average('s', of)]) {
      const node = aggregateOf(table)
      assert.throws(
        () => fold(node, numbers(1)),
        (error) =>
          error instanceof TypeError &&
          error.message.startsWith(`${node.function} 's' takes finite numbers, and user code returned`),
      )
    }
  }
  assert.throws(() => fold(aggregateOf(keyed.sum('s', () => Number.NaN)), numbers(1)), /returned NaN for one/)
})

test('countByValue counts any text, and leaves the old row as it was', () => {
  const node = aggregateOf(keyed.countByValue('s', (v) => v.k))
  const values = ['a', '__proto__', 'constructor', 'a', '__proto__', 'toString', '__proto__', ''].map((k) => ({ k, n: 0 }))
  const counts = fold(node, values) as Record<string, number>
  assert.deepEqual(
    Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    [
      ['', 1],
      ['__proto__', 3],
      ['a', 2],
      ['constructor', 1],
      ['toString', 1],
    ],
  )
  const before = Object.freeze({ a: 1 })
  assert.deepEqual(node.add(before, { k: 'a' }, record), { a: 2 })
  assert.deepEqual(before, { a: 1 })
  assert.throws(() => node.add({}, { k: 5 }, record), /countByValue 's' takes strings, and user code returned number/)
})

test('null deletes from a table', () => {
  const table = stream('changes', { value: nullable(json<Value>()) })
    .byKey()
    .toTable('t')
  assert.equal(fold(aggregateOf(table), [{ k: 'k', n: 1 }, null]), undefined)
})

test('names, functions and codecs are checked where they are given', () => {
  const refused: readonly (readonly [make: () => unknown, sentence: RegExp])[] = [
    [() => keyed.count('Total'), /The name of a count is "Total"/],
    [() => keyed.count(undefined as never), /The name of a count is undefined/],
    [() => keyed.sum('s', 'n' as never), /sum 's' needs a function/],
    [() => keyed.countByValue('s', undefined as never), /countByValue 's' needs a function/],
    [() => keyed.reduce('s', undefined as never), /reduce 's' needs a function/],
    [() => keyed.aggregate('s', { initial: 0, add: () => 0 } as never), /initial of aggregate 's' needs a function/],
    [() => keyed.reduce('s', (v) => v, { state: {} as never }), /reduce 's' needs a codec/],
    [() => keyed.toTable('s', { state: nullable(json<Value>()) as never }), /toTable 's' has a nullable codec for its state/],
    [() => keyed.count('s').emit('append' as never), /A row of a plain table is never final.* emit 'update'/],
    [() => keyed.count('s').emit('often' as never), /The mode of emit is 'often'; it is one of: update, complete/],
    [
      () => keyed.aggregate('s', { initial: () => 0, add: (n: number) => n, merge: 5 } as never),
      /merge of aggregate 's' needs a function, and was given 5/,
    ],
    [
      () => keyed.aggregate('s', { initial: () => 0, add: (n: number) => n, remove: 'x' } as never),
      /remove of aggregate 's' needs/,
    ],
    [() => keyed.count('s').to((() => 'x') as never, { value: json() }), /A table is written to one topic/],
    [() => keyed.count('s').map(undefined as never), /map needs a function/],
  ]
  for (const [make, sentence] of refused)
    assert.throws(make, (error) => error instanceof ConfigurationError && sentence.test(error.message), String(sentence))
})

test('a table is mapped, filtered, emitted and written', () => {
  const table = keyed.reduce('s', (v) => v, { state: structured() })
  assert.equal(aggregateOf(table).stores[0]?.codec.name, 'structured')
  const sink = nodeOf(
    table
      .map((v) => v.n)
      .filter((n) => n > 0)
      .to('out', { value: json() }),
  )
  assert.ok(sink.kind === 'sink' && sink.table)
  assert.deepEqual([sink.inputs[0]?.kind, sink.inputs[0]?.inputs[0]?.kind], ['tableFilter', 'tableMap'])
  const update = nodeOf(table.emit('update'))
  const changes = nodeOf(table.changes())
  const modes = [update, changes].map((node) => node.kind === 'emit' && node.mode)
  assert.deepEqual(modes, ['update', 'changes'])
  assert.equal(nodeOf(keyed.records()).kind, 'records')
})
