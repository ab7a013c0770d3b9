import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicsOf } from '../../../service/cli/topology-topics.ts'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { json, stream, topology } from '../../../service/index.ts'

test('topics are told apart by what they are to the topology', () => {
  const purchases = stream('purchases', { value: json<{ city: string }>() })
  const counts = purchases
    .keyBy((purchase) => purchase.city)
    .count('per-city')
    .emit('update')
  const made = topology('cities', [counts.to('counts', { value: json() }), counts.print()], {
    onError: 'dead-letter',
    deadLetterTopic: 'refused',
  })
  const { sources, sinks, required, internal } = topicsOf(definitionOf(made), 'app')
  assert.deepEqual([sources, sinks, required], [['purchases'], ['counts', 'refused'], ['counts', 'purchases', 'refused']])
  assert.deepEqual([...internal], ['app-per-city-changelog', 'app-per-city-repartition'])
})
