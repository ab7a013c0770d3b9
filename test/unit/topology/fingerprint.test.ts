import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, type Sink, stream, structured, topology } from '../../../service/index.ts'
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

test('functions, stateless steps, sinks and the name of the topology are no part of it', () => {
  const total = read('in')
    .filter((v) => v.n > 0)
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
