import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { batches, json, type Sink, stream, topology, tumbling } from '../../../service/index.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import { isSlotted, repartitionsBefore } from '../../../service/topology/slot-flow.ts'
import { isTimed } from '../../../service/topology/time-flow.ts'

const source = stream('in', { value: json<number>() })
const graph = (...sinks: [Sink, ...Sink[]]) => graphOf(definitionOf(topology('app', sinks)))
const recent = (name: string) =>
  source
    .keyBy((value) => value, { name: `${name}-1` })
    .records()
    .keyBy((value) => value, { name: `${name}-2` })

test('parts go by slots up to the windows of batches, and by event time for others', () => {
  const { subtopologies, slottedRepartitions, timedRepartitions } = graph(
    recent('slots')
      .window(batches(2))
      .count('recent')
      .emit('append')
      .keyBy(() => 1, { name: 'after' })
      .count('rows')
      .emit('update')
      .print(),
    recent('times').window(tumbling(2)).count('hours').emit('append').print(),
  )
  assert.deepEqual([...slottedRepartitions].toSorted(), ['slots-1', 'slots-2'])
  assert.deepEqual([...timedRepartitions].toSorted(), ['times-1', 'times-2'])
  const flows = subtopologies.map((part) => [
    [...part.sourceTopics, ...part.repartitionNames].join(' '),
    isSlotted(part, slottedRepartitions),
    isTimed(part, timedRepartitions),
  ])
  assert.deepEqual(flows.map(String).toSorted(), [
    'after,false,false',
    'in,true,true',
    'slots-1,true,false',
    'slots-2,true,false',
    'times-1,false,true',
    'times-2,false,true',
  ])
})

test('records lag by the most repartition topics that are between', () => {
  const { subtopologies } = graph(
    recent('far')
      .records()
      .keyBy(() => 1, { name: 'far-3' })
      .window(batches(2))
      .count('recent')
      .emit('append')
      .print(),
  )
  const lags = subtopologies.map(({ repartitionNames, repartitionSources }) => [
    repartitionNames.join(),
    repartitionsBefore(repartitionSources),
  ])
  assert.deepEqual(lags.map(String).toSorted(), [',0', 'far-1,1', 'far-2,2', 'far-3,3'])
})
