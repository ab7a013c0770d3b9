/** A timekeeper of a task that reads a partition of two topics, whose feeds are set by hand. */
import assert from 'node:assert/strict'
import { definitionOf } from '../../../service/dsl/topology.ts'
import { json, stream, topology, tumbling } from '../../../service/index.ts'
import type { Feed } from '../../../service/kafka/feed.ts'
import type { TakenTask } from '../../../service/runtime/taking.ts'
import { Timekeeper } from '../../../service/runtime/timekeeper.ts'
import { taskId } from '../../../service/task-id.ts'
import { graphOf } from '../../../service/topology/graph.ts'
import { planOf } from '../../../service/topology/plan.ts'

type Topic = 'one' | 'other'

/** Both are read to their ends at first, which answers of a broker confirm whenever time is observed. */
export function timekeeperBed(idleAfter: { readonly one: false | '1 minute'; readonly other: false | '1 minute' }) {
  const read = (topic: Topic) => stream(topic, { value: json<unknown>(), idleAfter: idleAfter[topic] })
  const counts = read('one').union(read('other')).byKey().window(tumbling(10)).count('counts')
  const graph = graphOf(definitionOf(topology('t', counts.emit('append').to('out', { value: json() }))))
  const topics = ['one', 'other'] as const
  const plan = planOf(graph, 't', new Map([...topics, 'out'].map((topic) => [topic, 1])))
  const feeds = topics.map((topic) => {
    const ends = { position: 5, lastStableOffset: 5, highWatermark: 5 }
    return { topic, partition: 0, ...ends, chunks: [] as unknown[], answeredAt: 0, bufferedBytes: 0, error: null }
  })
  const taken = { id: taskId(0, 0), progress: null, watermarks: new Map() } as unknown as TakenTask
  const keeper = Timekeeper.of(plan, taken, { feeds: feeds as unknown as readonly Feed[], now: 0 })
  assert.ok(keeper)
  const feedOf = (topic: Topic) => feeds[topics.indexOf(topic)] as (typeof feeds)[number]
  const observe = (now: number) => {
    for (const feed of feeds) feed.answeredAt = now
    keeper.observe(now)
    return keeper.quiet().map(({ topic, forMs }) => [topic, forMs])
  }
  return { keeper, feedOf, observe }
}
