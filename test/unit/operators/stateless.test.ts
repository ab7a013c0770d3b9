import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from '../../../service/codec/json.ts'
import { stream } from '../../../service/dsl/source.ts'
import { staticTable } from '../../../service/dsl/static-table.ts'
import { topology } from '../../../service/dsl/topology.ts'
import { Tasks } from './tasks.ts'

const numbers = stream('in', { value: json<number>() })
const send = [
  { key: 'a', value: '1' },
  { key: 'b', value: '2' },
  { key: 'c', value: '3' },
]
const value = json<unknown>()

async function outOf(sink: Parameters<typeof topology>[1]): Promise<readonly unknown[]> {
  const tasks = await Tasks.of(topology('test', sink))
  tasks.send('in', send)
  await tasks.run()
  return tasks.values('out')
}

test('map, filter, flatMap and peek do to each record what their functions say, in order', async () => {
  const seen: number[] = []
  const steps = numbers
    .map((n) => n * 10)
    .filter((n) => n !== 20)
    .peek((n) => void seen.push(n))
    .flatMap((n) => new Set([n, n + 1]))
  assert.deepEqual(await outOf(steps.to('out', { value })), [10, 11, 30, 31])
  assert.deepEqual(seen, [10, 30])
})

test('a union of a stream with itself takes each record twice', async () => {
  assert.deepEqual(
    await outOf(
      numbers
        .union(
          numbers.filter((n) => n === 2),
          numbers,
        )
        .to('out', { value }),
    ),
    [1, 1, 2, 2, 2, 3, 3],
  )
})

test('a record goes to the first branch whose test it passes, else to the rest', async () => {
  const { one, small, rest } = numbers.branch({ one: (n) => n === 1, small: (n) => n < 3 })
  const tagged = [one.map((n) => `one ${n}`), small.map((n) => `small ${n}`), rest.map((n) => `rest ${n}`)] as const
  assert.deepEqual(await outOf(tagged[0].union(tagged[1], tagged[2]).to('out', { value })), ['one 1', 'small 2', 'rest 3'])
})

test('functions see key, timestamp, headers and source of the record', async () => {
  const seen: unknown[] = []
  const sink = numbers
    .peek((_, { key, timestamp, headers, source }) => void seen.push({ key, timestamp, headers, source }))
    .to('out', { value })
  const tasks = await Tasks.of(topology('test', sink))
  tasks.send('in', [
    {
      key: 'ö',
      value: '1',
      timestamp: 7,
      headers: [
        ['h', 'first'],
        ['h', 'last'],
        ['n', null],
      ],
    },
    { key: null, value: '2', timestamp: 8 },
  ])
  await tasks.run()
  assert.deepEqual(seen, [
    {
      key: 'ö',
      timestamp: 7,
      headers: { h: Buffer.from('last'), n: Buffer.alloc(0) },
      source: { topic: 'in', partition: 0, offset: 0n },
    },
    { key: '', timestamp: 8, headers: {}, source: { topic: 'in', partition: 0, offset: 1n } },
  ])
})

test('lookup finds the row of each record, and undefined where there is none', async () => {
  const names = staticTable(
    new Map([
      ['1', { name: 'one' }],
      ['3', { name: 'three' }],
    ]),
  )
  const found = numbers.lookup(
    names,
    (n) => String(n),
    (n, row, record) => `${record.key} ${n} ${row?.name}`,
  )
  assert.deepEqual(await outOf(found.to('out', { value })), ['a 1 one', 'b 2 undefined', 'c 3 three'])
})

test('lookup looks up strings only: anything else is an error of the record', async () => {
  const found = numbers.lookup(
    staticTable({ 2: 'two' }),
    (n) => (n === 2 ? '2' : n) as string,
    (n, row) => `${n} ${row}`,
  )
  await assert.rejects(
    outOf(found.to('out', { value })),
    /lookup failed: TypeError: the key to look up is a string, and is 1 here/,
  )
})
