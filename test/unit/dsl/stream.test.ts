import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeOf as node } from '../../../service/dsl/facade.ts'
import { json, nullable, staticTable, stream, structured, text, topology } from '../../../service/index.ts'
import { refused } from './refused.ts'

const source = stream('in', { value: json<{ k: string; n: number }>() })

test('each stateless method builds one frozen node of its kind upon the one before', () => {
  const fn = () => true
  const made = [
    source.map(fn),
    source.flatMap(() => []),
    source.filter(fn),
    source.peek(fn),
    source.withTime(({ n }) => n),
    source.union(source.map((v) => v)),
    source.byKey(),
  ]
  assert.deepEqual(
    made.map((each) => node(each).kind),
    ['map', 'flatMap', 'filter', 'peek', 'withTime', 'union', 'byKey'],
  )
  for (const each of made) {
    assert.equal(node(each).inputs[0], node(source))
    assert.ok(Object.isFrozen(node(each)) && Object.isFrozen(node(each).inputs) && Object.isFrozen(each))
    assert.deepEqual([node(each).stores, node(each).topics], [[], []])
  }
})

test('withTime says how late records may be; what it is not given as it should be is refused', () => {
  const described = (lateness?: Parameters<typeof source.withTime>[1]) => node(source.withTime(({ n }) => n, lateness)).detail
  assert.deepEqual([described(), described({ lateness: '10 minutes' })], [undefined, 'lateness 10 minutes'])
  refused(() => source.withTime('at' as never), /withTime/)
  refused(() => source.withTime(({ n }) => n, { lateness: -1 }), /lateness of withTime/)
  refused(() => source.withTime(({ n }) => n, { lateness: 0.5 }), /lateness of withTime/)
})

test('branch has an outlet a test, in their order, and one for the rest', () => {
  const branches = source.branch({ bigOnes: (v) => v.n > 5, small: (v) => v.n > 0 })
  assert.deepEqual(Object.keys(branches), ['bigOnes', 'small', 'rest'])
  const outlets = Object.values(branches).map(node)
  assert.deepEqual(
    outlets.map((outlet) => outlet.kind === 'outlet' && [outlet.name, outlet.branch]),
    [
      ['bigOnes', 0],
      ['small', 1],
      ['rest', 2],
    ],
  )
  assert.equal(new Set(outlets.flatMap((outlet) => outlet.inputs)).size, 1)
  refused(() => source.branch({ 1: () => true }), /A branch is named '1'/)
  refused(() => source.branch({ rest: () => true } as never), /is not 'rest'/)
  refused(() => source.branch({ ['__proto__']: () => true }), /A branch is named '__proto__'/)
})

test('keyBy and global go through a repartition topic', () => {
  const keyed = node(source.keyBy((v) => v.k, { name: 'by-k', partitions: 3, value: structured() }))
  assert.ok(keyed.kind === 'repartition')
  assert.deepEqual([keyed.name, keyed.label, keyed.partitions, keyed.value.name], ['by-k', 'keyBy', 3, 'structured'])
  assert.deepEqual(keyed.topics, [{ role: 'repartition', name: 'by-k' }])
  const unnamed = node(source.keyBy((v) => v.k))
  assert.deepEqual(unnamed.topics, [{ role: 'repartition', name: undefined }])
  const own = node(source.keyBy((v) => v.k, { alreadyPartitioned: true }))
  assert.deepEqual([own.kind === 'repartition' && own.alreadyPartitioned, own.topics], [true, []])
  const total = node(source.global())
  assert.ok(total.kind === 'repartition')
  assert.deepEqual([total.label, total.partitions, total.keyOf(undefined, undefined as never)], ['global', 1, ''])
})

test('wrong options of keyBy are refused', () => {
  refused(() => source.keyBy((v) => v.k, { name: 'By K' }), /name of a keyBy is "By K"/)
  refused(() => source.keyBy((v) => v.k, { partitions: 0 }), /partitions of keyBy is 0/)
  refused(() => source.keyBy((v) => v.k, { partitions: 1.5 }), /partitions of keyBy is 1.5/)
  refused(() => source.keyBy((v) => v.k, { name: 'x', alreadyPartitioned: true }), /has no repartition topic/)
  refused(() => source.keyBy('k' as never), /keyBy needs a function, and was given 'k'/)
})

test('to has the topic, or a function of the record, and its options', () => {
  const partition = () => 0
  const headers = () => ({})
  const sink = node(source.to('out', { value: json(), key: text(), partition, headers }))
  assert.ok(sink.kind === 'sink')
  assert.deepEqual(sink.topics, [{ role: 'sink', name: 'out' }])
  assert.deepEqual([sink.topic, sink.key?.name, sink.keyOf, sink.table], ['out', 'text', undefined, false])
  assert.deepEqual([sink.partition === partition, sink.headers === headers], [true, true])
  const each = node(source.to((v) => v.k, { value: json(), keyOf: (v) => v.k }))
  assert.ok(each.kind === 'sink')
  assert.deepEqual(
    [each.topics, typeof each.topic, typeof each.keyOf],
    [[{ role: 'sink', name: undefined }], 'function', 'function'],
  )
})

test('wrong options of to and print are refused', () => {
  refused(() => source.to('a/b', { value: json() }), /to: Topic name 'a\/b'/)
  refused(() => source.to('out', {} as never), /The value of to\('out'\) needs a codec/)
  refused(() => source.to('out', { value: json(), key: text(), keyOf: (v) => v.k }), /both `key` and `keyOf`/)
  refused(() => source.to('out', { value: json(), partition: 3 as never }), /partition of to\('out'\) needs a function/)
  refused(() => source.print(0), /rows of print is 0/)
  const printed = node(source.print())
  assert.deepEqual(printed.kind === 'print' && printed.rows, 20)
})

test('what is no stream is refused', () => {
  refused(() => source.union({} as never), /stream, a table or a sink was expected/)
  refused(() => source.map(undefined as never), /map needs a function, and was given undefined/)
  assert.equal(node(stream('n', { value: nullable(json()) })).kind, 'source')
})

test('lookup takes a static table, which describe() shows and the fingerprint leaves out', () => {
  const cities = staticTable({ o: { name: 'Oslo' } })
  const found = source.lookup(
    cities,
    (v) => v.k,
    (v, city) => ({ ...v, city: city?.name }),
  )
  const made = node(found)
  assert.ok(made.kind === 'lookup' && Object.isFrozen(made) && Object.isFrozen(made.table) && Object.isFrozen(cities))
  assert.deepEqual([made.table.source, made.stores, made.topics], ['1 row of the code', [], []])
  assert.match(topology('t', found.to('out', { value: json() })).describe(), /lookup-1 \(table: 1 row of the code\)/)
})

test('a static table is refused where it is given', () => {
  const key = () => ''
  refused(
    () => staticTable('cities.txt', { key }),
    /staticTable\('cities\.txt'\): the name of the file has to end in \.json, \.jsonl, \.csv/,
  )
  refused(() => staticTable(new URL('http://a/b.csv'), { key }), /only files can be read/)
  refused(() => staticTable('cities.csv', undefined as never), /staticTable\('cities\.csv'\) needs options/)
  refused(() => staticTable('cities.csv', {} as never), /key of staticTable\('cities\.csv'\) needs a function/)
  refused(() => staticTable(null as never), /needs rows by key/)
  refused(() => staticTable(new Map([[1, 1]]) as never), /a key that is no string/)
  refused(() => source.lookup({} as never, key, () => 1), /needs a table made by staticTable/)
  refused(() => source.lookup(staticTable({}), 'k' as never, () => 1), /keyOf of lookup needs a function/)
})
