import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Aggregation,
  hopping,
  json,
  session,
  type SessionOptions,
  type Sink,
  sliding,
  staticTable,
  stream,
  structured,
  topology,
  tumbling,
  type Windows,
} from '../../../service/index.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { fingerprint } from '../../../service/topology/fingerprint.ts'
import { graphOf } from '../../../service/topology/graph.ts'

const read = (topic: string) => stream(topic, { value: json<{ k: string; n: number }>() })
const print = (...sinks: [Sink, ...Sink[]]) => fingerprint(graphOf(definitionOf(topology('app', sinks))))
const out = { value: json<unknown>() }
const base = () =>
  print(
    read('in')
      .keyBy((v) => v.k)
      .sum('total', (v) => v.n)
      .to('out', out),
  )

test('it is 16 hex digits, and stays what it is between versions', () => {
  assert.equal(base(), 'bb112f10527ccc93')
})

test('functions, stateless steps, static tables, sinks and the name of the topology are no part of it', () => {
  const total = read('in')
    .filter((v) => v.n > 0)
    .lookup(
      staticTable({ a: 1 }),
      (v) => v.k,
      (v) => v,
    )
    .withTime((v) => v.n, { lateness: '1 hour' })
    .keyBy((v) => `${v.k}!`)
    .sum('total', (v) => v.n * 2)
  assert.equal(print(total.emit('update').print(), total.filter((n) => n > 1).to('elsewhere', out)), base())
})

test('what is read and kept is', () => {
  const changed = [
    print(
      read('other')
        .keyBy((v) => v.k)
        .sum('total', (v) => v.n)
        .to('out', out),
    ),
    print(
      read('in')
        .keyBy((v) => v.k)
        .sum('sum', (v) => v.n)
        .to('out', out),
    ),
    print(
      read('in')
        .keyBy((v) => v.k, { name: 'other' })
        .sum('total', (v) => v.n)
        .to('out', out),
    ),
    print(
      read('in')
        .byKey()
        .sum('total', (v) => v.n)
        .to('out', out),
    ),
    print(
      read('in')
        .keyBy((v) => v.k)
        .average('total', (v) => v.n)
        .to('out', out),
    ),
    print(
      read('in')
        .keyBy((v) => v.k)
        .reduce('total', (v) => v, { state: structured() })
        .to('out', out),
    ),
    print(
      read('in')
        .keyBy((v) => v.k)
        .sum('total', (v) => v.n)
        .to('out', out),
      read('in2').print(),
    ),
  ]
  assert.equal(new Set([base(), ...changed]).size, changed.length + 1)
})

test('so is what is read together: it decides which tasks there are', () => {
  assert.notEqual(print(read('a').print(), read('b').print()), print(read('a').union(read('b')).print()))
  assert.equal(print(read('a').print(), read('b').print()), print(read('b').print(3), read('a').print()))
})

type Row = { k: string; n: number }
const counting: Aggregation<string, Row, number> = { initial: () => 0, add: (n) => n + 1 }

test('kind and sizes of windows are part of it', () => {
  const over = (windows: Windows<Row>) => print(read('in').byKey().window(windows).count('c').emit('append').print())
  const starts = (v: Row) => v.n === 0
  const prints = [
    print(read('in').byKey().count('c').to('out', out)),
    over(tumbling('1 hour')),
    over(tumbling('2 hours')),
    over(tumbling('1 hour', { offset: '30 minutes' })),
    over(hopping('1 hour', '5 minutes')),
    over(hopping('1 hour', '6 minutes')),
    over(sliding('1 hour')),
    over(sliding('2 hours')),
    over(session({ gap: '1 hour' })),
    over(session({ gap: '2 hours' })),
    over(session({ gap: '1 hour', startsWith: starts })),
    over(session({ gap: '1 hour', endsWith: starts })),
    over(session({ startsWith: starts })),
    over(session({ startsWith: starts, order: 'arrival' })),
  ]
  assert.equal(new Set(prints).size, prints.length)
})

test('grace, lateness, markers, modes and full turns of the offset are not', () => {
  const same = (...prints: readonly string[]) => assert.equal(new Set(prints).size, 1)
  const hours = (windows: Windows<unknown>, options: object = {}) => {
    const table = stream('in', { value: json<Row>(), ...options, key: undefined })
      .byKey()
      .window(windows)
      .count('c')
    return { finals: print(table.emit('append').print()), updates: print(table.emit('update').print(), table.late().print()) }
  }
  const plain = hours(tumbling('1 hour'))
  same(plain.finals, plain.updates)
  same(plain.finals, hours(tumbling('1 hour', { grace: '1 day' })).finals)
  same(plain.finals, hours(tumbling('1 hour'), { lateness: '1 day', idleAfter: false, futureMax: false }).finals)
  same(plain.finals, hours(tumbling('1 hour', { offset: '25 hours' })).finals, hours(hopping('1 hour', '1 hour')).finals)
  const sessions = (options: Partial<SessionOptions<Row>>) =>
    print(
      read('in')
        .byKey()
        .window(session({ gap: 5, ...options }))
        .count('c')
        .emit('append')
        .print(),
    )
  same(sessions({ startsWith: (v) => v.n === 0 }), sessions({ startsWith: (v) => v.n === 1, grace: 5 }))
})

test('of overlapping windows, whether they share slices is', () => {
  const over = (windows: Windows<Row>, more: Partial<Aggregation<string, Row, number>>) =>
    print(
      read('in')
        .byKey()
        .window(windows)
        .aggregate('c', { ...counting, ...more })
        .emit('append')
        .print(),
    )
  const merge = (left: number, right: number) => left + right
  const remove = (n: number) => n - 1
  const hops = hopping('1 hour', '5 minutes')
  assert.notEqual(over(hops, {}), over(hops, { merge }))
  assert.equal(over(hops, { merge }), over(hops, { merge, remove }))
  assert.equal(over(tumbling('1 hour'), {}), over(tumbling('1 hour'), { merge, remove }))
})
