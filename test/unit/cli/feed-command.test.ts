import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caudal } from '../../../service/cli/caudal.ts'
import type { Parts } from '../../../service/cli/parts.ts'
import { systemClock } from '../../../service/clock.ts'
import { loadTopology } from '../../../service/runtime/load-topology.ts'
import { MemoryKafka } from '../../../service/memory/memory-kafka.ts'
import { absentParts } from '../../support/parts.ts'

function stage() {
  const memory = new MemoryKafka({ clock: systemClock })
  const lines: string[] = []
  const parts: Parts = {
    ...absentParts,
    clock: systemClock,
    directory: new URL('../../..', import.meta.url).pathname,
    terminal: { ...absentParts.terminal, write: (text) => void lines.push(text), complain: (text) => void lines.push(text) },
    loadTopology,
    kafkaWires: async () => () => memory.wire(),
  }
  const feed = (...words: readonly string[]) => caudal(['feed', ...words, '--kafka-brokers', 'in-memory:1'], parts)
  return { memory, lines, feed, parts }
}

test('the topics of the topology are created, and with no seconds nothing is sent', async () => {
  const { memory, lines, feed } = stage()
  assert.equal(await feed('--seconds', '0'), 0)
  assert.deepEqual(lines, ['topics created: purchases, hourly-purchases, late-purchases\n'])
  assert.ok(memory.topics().every(({ partitions }) => partitions === 4))
  assert.equal(await feed('--seconds', '0'), 0)
  assert.equal(lines.at(-1), 'all topics are there\n')
  memory.close()
})

test('purchases are sent until the time is up, and their number is told', async () => {
  const { memory, lines, feed } = stage()
  assert.equal(await feed('--seconds', '0.3'), 0)
  const sent = Number(/^purchases sent: (\d+)\n$/.exec(lines.at(-1) ?? '')?.[1])
  assert.ok(sent > 0, lines.join(''))
  memory.close()
})

test('without brokers it is refused', async () => {
  const { parts, lines } = stage()
  assert.equal(await caudal(['feed'], parts), 2)
  assert.match(lines.join(''), /kafka\.brokers: not set/)
})
