import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { ConfigurationError } from '../../../service/errors.ts'
import { json, type Sink, stream, topology, type TopologyOptions } from '../../../service/index.ts'
import { fingerprint } from '../../../service/topology/fingerprint.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import { type Plan, planOf, requiredTopics } from '../../../service/topology/plan.ts'

type Value = { k: string; n: number }
const read = (topic: string | readonly string[]) => stream(topic, { value: json<Value>() })
const out = { value: json<unknown>() }
const graph = (sinks: [Sink, ...Sink[]], options: TopologyOptions = {}) => graphOf(definitionOf(topology('app', sinks, options)))
const plan = (sinks: [Sink, ...Sink[]], topics: Record<string, number>): Plan =>
  planOf(graph(sinks), 'app', new Map(Object.entries(topics)))

function defects(sinks: [Sink, ...Sink[]], topics: Record<string, number>, application = 'app'): readonly string[] {
  try {
    planOf(graph(sinks), application, new Map(Object.entries(topics)))
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.defects
    throw error
  }
}

test('a task is a sub-topology on a partition number, and knows what it reads', () => {
  const made = plan(
    [
      read('in')
        .keyBy((v) => v.k)
        .count('c')
        .to('out', out),
    ],
    { in: 2, out: 1 },
  )
  assert.deepEqual(made.tasks, ['0_0', '0_1', '1_0', '1_1'])
  assert.deepEqual(made.subtopologies, [
    { id: 0, inputTopics: ['in'], partitions: 2 },
    { id: 1, inputTopics: ['app-c-repartition'], partitions: 2 },
  ])
  assert.deepEqual(made.taskPartitions('0_1'), [{ topic: 'in', partition: 1 }])
  assert.deepEqual(made.taskPartitions('1_1'), [{ topic: 'app-c-repartition', partition: 1 }])
  assert.deepEqual(made.taskPartitions('7_0'), [])
  assert.deepEqual(made.internalTopics, [
    { name: 'app-c-repartition', partitions: 2, kind: 'repartition' },
    { name: 'app-c-changelog', partitions: 2, kind: 'changelog', store: 'c' },
  ])
  assert.deepEqual(made.subscription, ['in', 'app-c-repartition'])
  assert.equal(made.changelogOf('c'), 'app-c-changelog')
  assert.equal(made.repartitionTopicOf('c'), 'app-c-repartition')
  assert.equal(made.fingerprint, fingerprint(made.graph))
})

test('a repartition topic that exists keeps its partitions when its sources get more, and the state behind it with it', () => {
  const sinks: [Sink, ...Sink[]] = [
    read('in')
      .keyBy((v) => v.k)
      .count('c')
      .to('out', out),
  ]
  const made = plan(sinks, { in: 6, out: 1, 'app-c-repartition': 4 })
  assert.deepEqual(
    made.internalTopics.map(({ partitions }) => partitions),
    [4, 4],
  )
  assert.equal(made.tasks.filter((task) => task.startsWith('0_')).length, 6)
  assert.equal(made.tasks.filter((task) => task.startsWith('1_')).length, 4)
})

test('a repartition topic has the most partitions of its sources, through chains, or those it was given', () => {
  const counts = (made: Plan) => Object.fromEntries(made.internalTopics.map((topic) => [topic.name, topic.partitions]))
  const chained = read(['a', 'b'])
    .keyBy((v) => v.k, { name: 'one' })
    .records()
    .map((v) => v)
    .keyBy((v) => v.n, { name: 'two' })
  assert.deepEqual(counts(plan([chained.records().print()], { a: 2, b: 5 })), {
    'app-one-repartition': 5,
    'app-two-repartition': 5,
  })
  const given = read('a')
    .keyBy((v) => v.k, { partitions: 7, name: 'one' })
    .records()
    .keyBy((v) => v.n)
    .count('c')
  assert.deepEqual(counts(plan([given.emit('update').print()], { a: 2 })), {
    'app-one-repartition': 7,
    'app-c-repartition': 7,
    'app-c-changelog': 7,
  })
  assert.deepEqual(counts(plan([read('a').global().count('all').emit('update').print()], { a: 4 })), {
    'app-all-repartition': 1,
    'app-all-changelog': 1,
  })
})

test('without state, inputs may differ: a task reads those that have its partition', () => {
  const made = plan([read(['a', 'b']).print()], { a: 1, b: 3 })
  assert.deepEqual(made.tasks, ['0_0', '0_1', '0_2'])
  assert.deepEqual(made.taskPartitions('0_0'), [
    { topic: 'a', partition: 0 },
    { topic: 'b', partition: 0 },
  ])
  assert.deepEqual(made.taskPartitions('0_2'), [{ topic: 'b', partition: 2 }])
})

test('sources, sinks and the dead-letter topic must be there; topics named per record are not known', () => {
  const made = graph([read(['b', 'a']).to('out', out), read('a').to((v) => v.k, out)], { deadLetterTopic: 'dead' })
  assert.deepEqual(requiredTopics(made), ['a', 'b', 'dead', 'out'])
})

test('all missing topics and unequal counts are told at once, with the counts', () => {
  const sinks: [Sink, ...Sink[]] = [
    read(['a', 'b', 'missing']).byKey().count('c').to('nowhere', out),
    read('x')
      .keyBy((v) => v.k, { name: 'r' })
      .records()
      .union(read('y'))
      .byKey()
      .sum('s', (v) => v.n)
      .to('out', out),
  ]
  const found = defects(sinks, { a: 2, b: 3, x: 2, y: 4, out: 1 })
  assert.equal(found.length, 4, found.join('\n'))
  assert.match(found[0] ?? '', /'missing' does not exist/)
  assert.match(found[1] ?? '', /'nowhere' does not exist/)
  assert.match(found[2] ?? '', /inputs of 'c' have different numbers of partitions \(a has 2, b has 3\)/)
  assert.match(found[3] ?? '', /inputs of 's' .* \(y has 4, app-r-repartition has 2\)/)
})

test('what depends on a missing topic is not called unequal', () => {
  const sinks: [Sink] = [
    read('missing')
      .keyBy((v) => v.k, { name: 'r' })
      .records()
      .union(read('a'))
      .byKey()
      .count('c')
      .to('out', out),
  ]
  assert.deepEqual(defects(sinks, { a: 3, out: 1 }), [
    "Topic 'missing' does not exist. Create it, or correct its name in the topology.",
  ])
})

test('names that an application leads to are checked', () => {
  const sinks = (to: string): [Sink] => [read('a').byKey().count('c').to(to, out)]
  assert.match(
    defects(sinks('app-c-changelog'), { a: 1, 'app-c-changelog': 1 })[0] ?? '',
    /'app-c-changelog' is one of caudal's own/,
  )
  assert.match(defects(sinks('out'), { a: 1, out: 1 }, 'x'.repeat(240))[0] ?? '', /has 252 characters; Kafka allows 249/)
  assert.match(defects(sinks('out'), { a: 1, out: 1 }, 'My App')[0] ?? '', /name of the application is "My App"/)
})
