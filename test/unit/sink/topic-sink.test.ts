import assert from 'node:assert/strict'
import { test } from 'node:test'
import { int64 } from '../../../service/codec/int64.ts'
import { json } from '../../../service/codec/json.ts'
import { stream } from '../../../service/dsl/source.ts'
import { topology, type TopologyOptions } from '../../../service/dsl/topology.ts'
import { type Input, Tasks } from '../operators/tasks.ts'

const numbers = stream('in', { value: json<number>() })
const value = json<unknown>()

async function run(
  sink: Parameters<typeof topology>[1],
  records: readonly Input[],
  options: TopologyOptions & { messageBytesMax?: number } = {},
) {
  const { messageBytesMax, ...rest } = options
  const tasks = await Tasks.of(
    topology('test', sink, rest as TopologyOptions),
    messageBytesMax === undefined ? {} : { messageBytesMax },
  )
  tasks.send('in', records)
  return tasks.run()
}

test('key bytes, timestamp and headers go on as they came, whatever they are', async () => {
  const key = Buffer.from([0xff, 0x00, 0x61])
  const tasks = await run(numbers.to('out', { value }), [
    { key, value: '1', timestamp: 3, headers: [['h', 'x']] },
    { key: null, value: '2' },
  ])
  assert.deepEqual(tasks.read('out'), [
    { partition: 0, key: key.toString(), value: '1', timestamp: 3, headers: { h: 'x' } },
    { partition: 0, key: null, value: '2', timestamp: 0, headers: {} },
  ])
})

test('key, keyOf, partition and headers replace them', async () => {
  const sinks = [
    numbers.to('by-key', { value, key: { name: 'angled', encode: (key: string) => Buffer.from(`<${key}>`) } }),
    numbers.to('by-key-of', { value, keyOf: (n, { key }) => `${key}-${n}` }),
    numbers.to('by-partition', { value, partition: (key, partitions) => (key?.length ?? 0) + partitions - 2 }),
    numbers.to('by-headers', { value, headers: (n) => ({ n: Buffer.from(String(n)) }) }),
  ] as const
  const tasks = await run(sinks, [{ key: 'k', value: '1', headers: [['h', 'x']] }])
  assert.equal(tasks.read('by-key')[0]?.key, '<k>')
  assert.equal(tasks.read('by-key-of')[0]?.key, 'k-1')
  assert.equal(tasks.read('by-partition')[0]?.partition, 0)
  assert.deepEqual(tasks.read('by-headers')[0]?.headers, { n: '1' })
})

test('a record without a key leaves without one, also through a key codec', async () => {
  const keyed = stream('in', { key: int64(), value: json<number>() })
  const tasks = await run(keyed.to('out', { value, key: int64() }), [{ key: null, value: '1' }])
  assert.equal(tasks.read('out')[0]?.key, null)
})

test('a function of the record names the topic; one that does not exist is a verdict on its records', async () => {
  const topicOf = (n: number) => ['', 'static', 'dynamic', 'missing'][n] ?? ''
  const sinks = [numbers.to('static', { value }), numbers.to(topicOf, { value })] as const
  const records = [{ value: '1' }, { value: '2' }]
  const tasks = await run(sinks, records)
  assert.deepEqual(tasks.values('static'), [1, 1, 2])
  assert.deepEqual(tasks.values('dynamic'), [2])
  await assert.rejects(run(sinks, [{ value: '3' }]), /offset 0: to failed: topic missing does not exist/)
  const skipping = await run(sinks, [{ value: '3' }, ...records], { onError: 'skip' })
  assert.deepEqual(skipping.values('dynamic'), [2])
})

test('what cannot be written is refused: codec, topic, partition, size', async () => {
  const sinks = [
    numbers.map((n) => (n === 2 ? undefined : n)).to('out', { value }),
    numbers.to((n) => (n === 2 ? '' : 'out'), { value }),
    numbers.to('out', { value, partition: (key) => (key === null ? 9 : 0) }),
    numbers.to('out', { value, headers: (n) => (n === 2 ? { h: 7 as never } : {}) }),
    numbers.to('out', {
      value: { name: 'wrong', encode: (n: number) => (n === 2 ? (undefined as never) : Buffer.from(String(n))) },
    }),
    numbers.map((n) => (n === 2 ? 'x'.repeat(500) : n)).to('out', { value }),
  ]
  const records = [
    { key: 'k', value: '1' },
    { key: null, value: '2' },
    { key: 'k', value: '3' },
  ]
  for (const sink of sinks) {
    await assert.rejects(
      run([sink, numbers.to('out', { value })], records, { messageBytesMax: 300 }),
      /topic in, partition 0, offset 1: to .*failed: /,
    )
    const skipping = await run([sink, numbers.to('other', { value })], records, { onError: 'skip', messageBytesMax: 300 })
    assert.deepEqual(
      skipping.read('out').map(({ value }) => value),
      ['1', '3'],
    )
  }
})

test('dead letters of records that a sink refused have their original bytes', async () => {
  const sink = numbers.map(() => 'x'.repeat(900)).to('out', { value })
  const tasks = await run(sink, [{ key: 'k', value: '1' }], {
    onError: 'dead-letter',
    deadLetterTopic: 'dead',
    messageBytesMax: 800,
  })
  const [letter] = tasks.read('dead')
  assert.deepEqual([letter?.key, letter?.value, letter?.headers['caudal-reason']], ['k', '1', 'too-large'])
  assert.match(
    letter?.headers['caudal-error'] ?? '',
    /to 'out' failed: it takes \d+ bytes in topic out, whose max.message.bytes is 800/,
  )
})

test('a dead letter that its topic cannot take stops the batch', async () => {
  const big = { value: '1', headers: [['h', 'x'.repeat(200)]] } as const
  const sink = numbers.map(() => 'x'.repeat(500)).to('out', { value })
  await assert.rejects(
    run(sink, [big], { onError: 'dead-letter', deadLetterTopic: 'dead', messageBytesMax: 300 }),
    /topic in, partition 0, offset 0: it cannot be written to the dead letter topic dead: it takes/,
  )
})
