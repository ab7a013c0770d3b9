import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { json, type Sink, stream, type Topology, topology, type TopologyOptions } from '../../../service/index.ts'
import { refused } from './refused.ts'

const source = stream('in', { value: json<{ n: number }>() })

test('a topology carries its definition, frozen, with defaults', () => {
  const made = topology('app', source.print())
  assert.equal(made.name, 'app')
  const definition = definitionOf(made)
  const { sinks, ...rest } = definition
  assert.deepEqual(rest, {
    name: 'app',
    trigger: { everyMs: 100 },
    guarantee: 'exactly-once',
    onError: 'stop',
    deadLetterTopic: undefined,
  })
  assert.deepEqual(
    sinks.map((sink) => sink.kind),
    ['print'],
  )
  assert.ok([made, definition, sinks, definition.trigger].every(Object.isFrozen))
  assert.deepEqual(Object.keys(made), ['name', 'describe'])
})

test('options are taken over', () => {
  const trigger = (options: TopologyOptions) => definitionOf(topology('app', source.print(), options)).trigger
  assert.deepEqual(trigger({ trigger: { every: '2 seconds' } }), { everyMs: 2_000 })
  assert.equal(trigger({ trigger: 'continuous' }), 'continuous')
  const definition = definitionOf(topology('app', source.print(), { onError: 'dead-letter', deadLetterTopic: 'dead' }))
  assert.deepEqual([definition.onError, definition.deadLetterTopic], ['dead-letter', 'dead'])
})

test('one sink given twice is one sink', () => {
  const sink = source.print()
  assert.equal(definitionOf(topology('app', [sink, sink, source.print()])).sinks.length, 2)
})

test('what types would refuse is refused without them, with a sentence', () => {
  const withOptions = (options: object) => () => topology('app', source.print(), options as TopologyOptions)
  refused(() => topology('My App', source.print()), /The name of a topology is "My App"/)
  refused(() => topology('app', [] as never), /'app' has no sink/)
  refused(() => topology('app', source as never), /was given a stream or a table where a sink belongs/)
  refused(() => topology('app', [{} as Sink]), /stream, a table or a sink was expected/)
  refused(withOptions({ trigger: { every: 0 } }), /trigger\.every is 0: .* 'continuous'/)
  refused(withOptions({ trigger: { every: -5 } }), /trigger\.every is -5, which is no duration/)
  refused(withOptions({ trigger: {} }), /trigger\.every is undefined/)
  refused(withOptions({ trigger: 'sometimes' }), /trigger is 'sometimes'; it is one of: continuous/)
  refused(withOptions({ onError: 'ignore' }), /onError of 'app' is 'ignore'/)
  refused(withOptions({ deadLetterTopic: 'a b' }), /deadLetterTopic: Topic name 'a b'/)
})

test('what topology() did not make is refused', () => {
  for (const other of [undefined, null, {}, { name: 'app', describe: () => '' }, 5])
    refused(() => definitionOf(other as never as Topology), /made by topology\(\)/)
})
