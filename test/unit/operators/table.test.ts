import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from '../../../service/codec/json.ts'
import { nullable } from '../../../service/codec/nullable.ts'
import { stream } from '../../../service/dsl/source.ts'
import { topology } from '../../../service/dsl/topology.ts'
import { Tasks } from './tasks.ts'

const value = json<unknown>()
const numbers = () => stream('in', { value: json<number>() }).byKey()
const record = (key: string, n: number | null, timestamp = 0) => ({ key, value: n === null ? null : String(n), timestamp })

/** Runs one batch after the other; what each wrote to `out`, as [key, value]. */
async function batches(sink: Parameters<typeof topology>[1], ...inputs: readonly (readonly ReturnType<typeof record>[])[]) {
  const tasks = await Tasks.of(topology('test', sink))
  const written: (readonly [string | null, unknown])[][] = []
  for (const input of inputs) {
    tasks.send('in', input)
    await tasks.run()
    written.push(tasks.read('out').map(({ key, value }) => [key, value === null ? null : JSON.parse(value)]))
  }
  return written
}

test('every aggregate folds the values of each key', async () => {
  const input = [record('a', 3), record('b', 5), record('a', 1)]
  const of = (n: number) => n
  const tables = {
    count: numbers().count('x'),
    sum: numbers().sum('x', of),
    min: numbers().min('x', of),
    max: numbers().max('x', of),
    average: numbers().average('x', of),
    countByValue: numbers().countByValue('x', String),
    reduce: numbers().reduce('x', (left, right) => left * 10 + right),
    aggregate: numbers().aggregate('x', { initial: (key) => [key], add: (list: string[], n) => [...list, String(n)] }),
    toTable: numbers().toTable('x'),
  }
  const rows: Record<string, unknown> = {}
  for (const [name, table] of Object.entries(tables)) {
    const [, second] = await batches((table as typeof tables.count).emit('update').to('out', { value }), [record('a', 4)], input)
    rows[name] = Object.fromEntries(second ?? [])
  }
  assert.deepEqual(rows, {
    count: { a: 3, b: 1 },
    sum: { a: 8, b: 5 },
    min: { a: 1, b: 5 },
    max: { a: 4, b: 5 },
    average: { a: 8 / 3, b: 5 },
    countByValue: { a: { 4: 1, 3: 1, 1: 1 }, b: { 5: 1 } },
    reduce: { a: 431, b: 5 },
    aggregate: { a: ['a', '4', '3', '1'], b: ['b', '5'] },
    toTable: { a: 1, b: 5 },
  })
})

test('update emits each changed row once, in the order of the first change, with the newest event time that went in', async () => {
  const tasks = await Tasks.of(topology('test', numbers().count('x').emit('update').to('out', { value })))
  tasks.send('in', [record('b', 1, 9), record('a', 1, 2), record('b', 1, 4)])
  await tasks.run()
  assert.deepEqual(
    tasks.read('out').map(({ key, value, timestamp }) => [key, value, timestamp]),
    [
      ['b', '2', 9],
      ['a', '1', 2],
    ],
  )
})

test('the order is the same whether state is in memory or has to be loaded', async () => {
  const sink = numbers().count('x').emit('update').to('out', { value })
  const [, mixed] = await batches(sink, [record('b', 1)], [record('b', 1), record('new', 1), record('b', 1), record('a', 1)])
  assert.deepEqual(mixed, [
    ['b', 3],
    ['new', 1],
    ['a', 1],
  ])
})

test('null deletes a row of toTable: update says nothing, to writes null, changes tells both sides', async () => {
  const table = () =>
    stream('in', { value: nullable(json<number>()) })
      .byKey()
      .toTable('x')
  const input = [
    [record('a', 1), record('b', 2)],
    [record('a', null), record('never', null), record('b', 3)],
  ] as const
  assert.deepEqual((await batches(table().emit('update').to('out', { value }), ...input))[1], [['b', 3]])
  assert.deepEqual((await batches(table().to('out', { value }), ...input))[1], [
    ['a', null],
    ['b', 3],
  ])
  assert.deepEqual((await batches(table().changes().to('out', { value }), ...input))[1], [
    ['a', { before: 1 }],
    ['b', { before: 2, after: 3 }],
  ])
})

test('a filter of a table turns rows that leave into deletions, also behind a map', async () => {
  const table = numbers()
    .toTable('x')
    .map((n) => n * 2)
    .filter((n) => n < 10)
  const input = [[record('in', 1), record('out', 9)], [record('in', 6), record('out', 8)], [record('in', 2)]] as const
  assert.deepEqual(await batches(table.to('out', { value }), ...input), [[['in', 2]], [['in', null]], [['in', 4]]])
})

test('the row as it was is computed only where somebody looks at it', async () => {
  let calls = 0
  const mapped = numbers()
    .toTable('x')
    .map((n) => {
      calls += 1
      return n
    })
  await batches(mapped.emit('update').to('out', { value }), [record('a', 1)], [record('a', 2)])
  assert.equal(calls, 2)
})

test('keyOf of a table sees the deleted row as it was', async () => {
  const table = stream('in', { value: nullable(json<number>()) })
    .byKey()
    .toTable('x')
  const sink = table.to('out', { value, keyOf: (n, { key }) => `${key}@${n}` })
  assert.deepEqual(await batches(sink, [record('a', 1)], [record('a', null)]), [[['a@1', 1]], [['a@1', null]]])
})

test('rows that feed another aggregate are a later stage of the same task', async () => {
  const changes = numbers().count('first').emit('update').byKey().count('second')
  const input = [record('a', 1), record('a', 1), record('b', 1)]
  assert.deepEqual(await batches(changes.emit('update').to('out', { value }), input, input), [
    [
      ['a', 1],
      ['b', 1],
    ],
    [
      ['a', 2],
      ['b', 2],
    ],
  ])
})

test('records without a key are skipped and counted where state begins', async () => {
  const tasks = await Tasks.of(topology('test', numbers().count('x').emit('update').to('out', { value })))
  tasks.send('in', [{ value: '1' }, { key: '', value: '1' }])
  await tasks.run()
  assert.deepEqual(
    tasks.read('out').map(({ key, value }) => [key, value]),
    [['', '1']],
  )
  assert.deepEqual(tasks.counted, ['caudal_records_skipped_total in null-key 1'])
})
