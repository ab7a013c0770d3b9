import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from '../../../service/codec/json.ts'
import { nullable } from '../../../service/codec/nullable.ts'
import { stream } from '../../../service/dsl/source.ts'
import { topology } from '../../../service/dsl/topology.ts'
import { partitionForKey } from '../../../service/kafka/records/murmur2.ts'
import { controlHeaderName, encodeControl } from '../../../service/operators/control-record.ts'
import { Tasks } from './tasks.ts'

const value = json<unknown>()
type Purchase = { readonly customer: string; readonly amount: number }
const purchases = () => stream('in', { value: json<Purchase>() })
const purchase = (customer: string, amount: number) => ({ key: 'other', value: JSON.stringify({ customer, amount }) })

test('keyBy leads records to the task that owns the key, by the hash of its text', async () => {
  const sums = purchases()
    .keyBy((p) => p.customer)
    .sum('spend', (p) => p.amount)
  const tasks = await Tasks.of(topology('test', sums.emit('update').to('out', { value })), { partitions: 3 })
  tasks.send('in', [purchase('ann', 1), purchase('zoë', 2)], 0)
  tasks.send('in', [purchase('ann', 4)], 2)
  await tasks.run()
  const passed = tasks.read('test-spend-repartition').map(({ key, partition }) => [key, partition])
  const partitionOf = (key: string) => partitionForKey(Buffer.from(key), 3)
  assert.equal(passed.length, 3)
  for (const [key, partition] of passed) assert.equal(partition, partitionOf(String(key)))
  assert.deepEqual(Object.fromEntries(tasks.read('out').map(({ key, value }) => [key, value])), { ann: '5', zoë: '2' })
})

test('records behind keyBy have their origin, time, headers and typed key', async () => {
  const seen: unknown[] = []
  const keyed = stream('in', { value: nullable(json<number>()), time: (n) => n ?? 0 })
    .keyBy((n) => (n ?? 0) * 2, { name: 'doubled' })
    .records()
    .peek((n, { key, timestamp, headers, source }) => void seen.push([n, key, timestamp, headers, source]))
    .filter((n) => (n ?? 0) >= 0)
  const tasks = await Tasks.of(topology('test', keyed.to('out', { value, keyOf: (_, { key }) => `${key}` })))
  tasks.send('in', [{ value: '-5', headers: [['h', 'x']] }, { value: null }, { value: '7' }])
  await tasks.run()
  const source = (offset: bigint) => ({ topic: 'in', partition: 0, offset })
  assert.deepEqual(seen, [
    [-5, -10, -5, { h: Buffer.from('x') }, source(0n)],
    [null, 0, 0, {}, source(1n)],
    [7, 14, 7, {}, source(2n)],
  ])
})

test('bigint keys come back as such, and rows of their tables too', async () => {
  const keys: unknown[] = []
  const counts = stream('in', { value: json<number>() })
    .keyBy((n) => BigInt(n))
    .count('counts')
  const rows = counts.map((n, key) => (keys.push(key), n)).emit('update')
  const tasks = await Tasks.of(topology('test', rows.to('out', { value, keyOf: (_, { key }) => String(key) })))
  tasks.send('in', [{ value: '1' }, { value: '1' }])
  await tasks.run()
  assert.deepEqual(keys, [1n])
  assert.deepEqual(tasks.values('out'), [2])
})

test('global leads everything to one partition', async () => {
  const tasks = await Tasks.of(topology('test', purchases().global().count('all').emit('update').to('out', { value })), {
    partitions: 2,
  })
  tasks.send('in', [purchase('a', 1)], 0)
  tasks.send('in', [purchase('b', 1)], 1)
  await tasks.run()
  assert.deepEqual(
    tasks.read('out').map(({ key, value }) => [key, value]),
    [['', '2']],
  )
})

test('alreadyPartitioned: no topic between, and the new key is the record’s', async () => {
  const counts = purchases()
    .keyBy((p) => p.customer, { alreadyPartitioned: true })
    .count('counts')
  const tasks = await Tasks.of(topology('test', counts.emit('update').to('out', { value })))
  tasks.send('in', [purchase('ann', 1), purchase('zoë', 1), purchase('ann', 1)])
  await tasks.run()
  assert.deepEqual(
    tasks.read('out').map(({ key, value }) => [key, value]),
    [
      ['ann', '2'],
      ['zoë', '1'],
    ],
  )
})

test('keys of two kinds, and what is no key, are errors at keyBy', async () => {
  const keyed = stream('in', { value: json<number>() }).keyBy((n) => (n === 1 ? '1' : (n as never)), { name: 'mixed' })
  const stopping = await Tasks.of(topology('test', keyed.records().to('out', { value })))
  stopping.send('in', [{ value: '1' }, { value: '2' }])
  await assert.rejects(
    stopping.run(),
    /offset 1: keyBy failed: TypeError: a key is a number, and earlier ones were strings: return one type/,
  )
  const skipping = await Tasks.of(topology('test', keyed.records().to('out', { value }), { onError: 'skip' }))
  skipping.send('in', [{ value: '1' }, { value: 'null' }, { value: '1' }])
  await skipping.run()
  assert.deepEqual(skipping.values('out'), [1, 1])
})

test('control records are no records', async () => {
  const tasks = await Tasks.of(
    topology(
      'test',
      purchases()
        .keyBy((p) => p.customer)
        .count('counts')
        .emit('update')
        .to('out', { value }),
    ),
  )
  const control = encodeControl({ kind: 'watermark', upstream: '0_0', time: 5 })
  tasks.send('test-counts-repartition', [{ value: null, headers: [[controlHeaderName, control]] }])
  await tasks.run()
  tasks.send('in', [purchase('ann', 1)])
  await tasks.run()
  assert.deepEqual(tasks.values('out'), [1])
})
