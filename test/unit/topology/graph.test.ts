import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, type Sink, stream, topology } from '../../../service/index.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { type Graph, graphOf } from '../../../service/topology/graph.ts'

type Value = { k: string; n: number }
const read = (topic: string | readonly string[]) => stream(topic, { value: json<Value>() })
const out = { value: json<unknown>() }
const graph = (...sinks: [Sink, ...Sink[]]): Graph => graphOf(definitionOf(topology('app', sinks)))
/** What a sub-topology reads, keeps and writes. */
const shape = ({ subtopologies }: Graph) =>
  subtopologies.map((s) => ({
    id: s.id,
    reads: [...s.sourceTopics, ...s.repartitionNames],
    keeps: s.stores.map((store) => store.name),
    writes: s.repartitionSinks.map((node) => node.name),
  }))

test('a chain without keyBy is one sub-topology, with each node after its inputs', () => {
  const made = graph(
    read('in')
      .filter((v) => v.n > 0)
      .byKey()
      .count('c')
      .emit('update')
      .to('out', out),
  )
  assert.deepEqual(shape(made), [{ id: 0, reads: ['in'], keeps: ['c'], writes: [] }])
  assert.deepEqual(
    made.nodes.map((node) => node.kind),
    ['source', 'filter', 'byKey', 'aggregate', 'emit', 'sink'],
  )
  for (const node of made.nodes)
    for (const input of node.inputs) assert.ok((made.ids.get(input) ?? Infinity) < (made.ids.get(node) ?? -1))
})

test('a repartition topic cuts, upstream comes first, and its node stands on both sides', () => {
  const made = graph(
    read('z-in')
      .keyBy((v) => v.k)
      .count('a-first')
      .emit('update')
      .keyBy((n) => n)
      .count('a-second')
      .to('out', { ...out, keyOf: String }),
  )
  assert.deepEqual(shape(made), [
    { id: 0, reads: ['z-in'], keeps: [], writes: ['a-first'] },
    { id: 1, reads: ['a-first'], keeps: ['a-first'], writes: ['a-second'] },
    { id: 2, reads: ['a-second'], keeps: ['a-second'], writes: [] },
  ])
  const [first, second] = made.repartitions
  assert.ok(first !== undefined && second !== undefined)
  assert.deepEqual(
    made.subtopologies.map((s) => s.nodes.includes(first)),
    [true, true, false],
  )
  assert.deepEqual(made.subtopologies[1]?.repartitionSources, [first])
  assert.deepEqual(first.topics, [{ role: 'repartition', name: 'a-first' }])
})

test('a keyBy of what is partitioned already does not cut and needs no name', () => {
  const made = graph(
    read('in')
      .keyBy((v) => v.k, { alreadyPartitioned: true })
      .records()
      .print(),
  )
  assert.deepEqual(shape(made), [{ id: 0, reads: ['in'], keeps: [], writes: [] }])
  assert.deepEqual(made.repartitions, [])
})

test('parts that share nothing are sub-topologies of their own; a union makes them one', () => {
  assert.deepEqual(
    shape(graph(read('b').print(), read('a').print())).map((s) => s.reads),
    [['a'], ['b']],
  )
  assert.deepEqual(
    shape(graph(read('b').union(read('a')).print())).map((s) => s.reads),
    [['a', 'b']],
  )
  assert.deepEqual(
    shape(graph(read(['b', 'a']).print())).map((s) => s.reads),
    [['a', 'b']],
  )
})

test('a topic is one source, however many streams are made of it', () => {
  const made = graph(read('a').byKey().count('one').to('x', out), read(['b', 'a']).byKey().count('two').to('y', out))
  assert.deepEqual(shape(made), [{ id: 0, reads: ['a', 'b'], keeps: ['one', 'two'], writes: [] }])
  assert.equal(made.nodes.filter((node) => node.kind === 'source').length, 2)
  for (const node of made.nodes)
    for (const input of node.inputs) assert.ok(made.nodes.includes(input), 'inputs are resolved, too')
  assert.ok(made.nodes.every(Object.isFrozen))
})

test('a sub-topology may write to a repartition topic that it reads', () => {
  const a = read('a')
  const made = graph(
    a
      .keyBy((v) => v.k)
      .records()
      .union(a)
      .byKey()
      .count('c')
      .to('out', out),
  )
  assert.deepEqual(shape(made), [{ id: 0, reads: ['a', 'c'], keeps: ['c'], writes: ['c'] }])
})

test('two sub-topologies that write to each other are both there', () => {
  const a = read('a')
  const b = read('b')
  const made = graph(
    a.union(b.keyBy((v) => v.k, { name: 'to-a' }).records()).print(),
    b.union(a.keyBy((v) => v.k, { name: 'to-b' }).records()).print(),
  )
  assert.deepEqual(shape(made), [
    { id: 0, reads: ['a', 'to-a'], keeps: [], writes: ['to-b'] },
    { id: 1, reads: ['b', 'to-b'], keeps: [], writes: ['to-a'] },
  ])
})

test('ids do not show the order of sinks', () => {
  const sinks = (): [Sink, Sink, Sink] => {
    const keyed = read('m').keyBy((v) => v.k, { name: 'a-key' })
    return [
      read('z').print(),
      keyed.count('c').to('x', out),
      read('b')
        .map((v) => v.n)
        .print(),
    ]
  }
  const [one, two, three] = sinks()
  const readsById = (made: Graph) => shape(made).map((s) => s.reads)
  assert.deepEqual(readsById(graph(one, two, three)), [['b'], ['m'], ['z'], ['a-key']])
  assert.deepEqual(readsById(graph(three, two, one)), readsById(graph(two, one, three)))
})
