import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { DevKafka } from '../../../service/cli/dev-kafka.ts'
import { Tail } from '../../../service/cli/tail.ts'
import type { ShownRow } from '../../../service/cli/view.ts'
import { systemClock } from '../../../service/clock.ts'
import { MemoryKafka } from '../../../service/memory/memory-kafka.ts'

function open() {
  const memory = new MemoryKafka({ clock: systemClock })
  const kafka = new DevKafka(memory.wire(), systemClock)
  const close = async () => {
    await kafka.close()
    memory.close()
  }
  return { memory, kafka, close }
}

test('missing topics are made, present ones are left alone', async () => {
  const { memory, kafka, close } = open()
  memory.createTopic('there', { partitions: 2 })
  assert.deepEqual(await kafka.ensureTopics(['there', 'purchases'], 4), ['purchases'])
  assert.deepEqual(await kafka.ensureTopics(['there', 'purchases'], 4), [])
  assert.deepEqual(memory.topics(), [
    { name: 'there', partitions: 2 },
    { name: 'purchases', partitions: 4 },
  ])
  await close()
})

test('a key keeps to its partition', async () => {
  const { memory, kafka, close } = open()
  await kafka.ensureTopics(['purchases'], 4)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const value of ['1', '2'])
    assert.equal(
      await kafka.append(
        'purchases',
        keys.map((key) => ({ key, value, timestamp: 0 })),
      ),
      6,
    )
  const found = [0, 1, 2, 3].flatMap((partition) => {
    const columns = memory.records('purchases', partition, 'committed')
    return Array.from({ length: columns.count }, (_, i) => `${String(columns.key(i))} ${partition}`)
  })
  assert.equal(found.length, 12)
  assert.equal(new Set(found).size, 6)
  await close()
})

test('the newest timestamp of a topic, over all its partitions', async () => {
  const { kafka, close } = open()
  await kafka.ensureTopics(['purchases'], 4)
  assert.equal(await kafka.newestTimestamp('purchases'), -1)
  await kafka.append(
    'purchases',
    [3, 9, 7, 5].map((timestamp) => ({ key: `key-${timestamp}`, value: '', timestamp })),
  )
  assert.equal(await kafka.newestTimestamp('purchases'), 9)
  await close()
})

test('the tail begins at the end and shows the newest rows', async () => {
  const { kafka, close } = open()
  await kafka.ensureTopics(['out'], 1)
  await kafka.append('out', [{ key: 'old', value: 'x', timestamp: 0 }])
  const tail = await Tail.open(kafka, systemClock, ['out'])
  await kafka.append('out', [
    { key: 'a', value: '1', timestamp: 0 },
    { key: 'b', value: '2', timestamp: 0 },
    { key: 'c', value: '3', timestamp: 0 },
  ])
  let rows: readonly ShownRow[] = []
  while (rows.length === 0) {
    await turn()
    rows = tail.take(2)
  }
  assert.deepEqual(
    rows.map(({ from, text }) => `${from}: ${text}`),
    ['out: b  2', 'out: c  3'],
  )
  assert.deepEqual(tail.take(2), [])
  await tail.close()
  await close()
})
