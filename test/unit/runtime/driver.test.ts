/** The driver of caudal/testing, and through it the loop, the tasks and the protocol on an in-memory Kafka. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { int64, json, nullable, stream, structured, text, topology } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'

const numbers = stream('numbers', { value: json<{ n: number }>() })
const sums = topology('sums', [
  numbers
    .byKey()
    .sum('total', ({ n }) => n)
    .to('sums', { value: json() }),
  numbers.to('copies', { value: json() }),
])

test('a batch commits what was sent before it, once a changed key', async () => {
  const driver = await testDriver(sums)
  driver.send('numbers', { key: 'a', value: { n: 1 } }, { key: 'b', value: { n: 5 } }, { key: 'a', value: { n: 2 } })
  assert.deepEqual(driver.read('sums'), [])
  await driver.batch()
  assert.deepEqual(
    driver.read('sums').map(({ key, value }) => [key, value]),
    [
      ['a', 3],
      ['b', 5],
    ],
  )
  assert.deepEqual(driver.read('sums'), [], 'what was read is not read again')
  assert.deepEqual(
    [...driver.state('total')],
    [
      ['a', 3],
      ['b', 5],
    ],
  )
  await driver.stop()
})

test('a batch takes at most batchRecordsMax records, drain takes them all', async () => {
  const driver = await testDriver(sums, { batchRecordsMax: 2 })
  for (let n = 1; n <= 5; n++) driver.send('numbers', { key: 'a', value: { n } })
  await driver.batch()
  assert.deepEqual(
    driver.read('sums').map(({ value }) => value),
    [3],
  )
  await driver.drain()
  assert.deepEqual(
    driver.read('sums').map(({ value }) => value),
    [10, 15],
  )
  await driver.stop()
})

test('a crash loses nothing that was committed, and doubles nothing', async () => {
  const driver = await testDriver(sums, { partitions: 3, workers: 2 })
  const send = (n: number) => driver.send('numbers', ...['a', 'b', 'c', 'd'].map((key) => ({ key, value: { n } })))
  send(1)
  await driver.batch()
  send(2)
  await driver.crash()
  send(3)
  await driver.drain()
  await driver.crash(1)
  send(4)
  await driver.drain()
  assert.deepEqual([...driver.state('total').values()], [10, 10, 10, 10])
  assert.equal(driver.read('copies').length, 16)
  await driver.stop()
})

test('records of one batch are taken in the order in which they were sent, over partitions', async () => {
  const seen: number[] = []
  const [left, right] = [stream('left', { value: json<number>() }), stream('right', { value: json<number>() })]
  const merged = topology(
    'merged',
    left
      .union(right)
      .peek((n) => void seen.push(n))
      .to('merged', { value: json() }),
  )
  const driver = await testDriver(merged)
  for (let n = 0; n < 6; n++) driver.send(n % 3 === 0 ? 'left' : 'right', { value: n })
  await driver.batch()
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  await driver.stop()
})

test('keyBy leads records to the task of their new key, in the same transaction', async () => {
  const words = stream('words', { value: text() })
  const counts = topology(
    'words',
    words
      .keyBy((word) => word.length)
      .count('by-length')
      .to('counts', { value: json(), keyOf: (_count, { key }) => String(key) }),
  )
  const driver = await testDriver(counts, { partitions: 4, workers: 3 })
  driver.send('words', ...['a', 'bb', 'cc', 'd', 'eee'].map((value, i) => ({ key: String(i), value })))
  await driver.drain()
  await driver.crash(0)
  driver.send('words', { key: 'x', value: 'ff' })
  await driver.drain()
  const last = new Map(driver.read('counts').map(({ key, value }) => [key, value]))
  assert.deepEqual(
    [...last.entries()].toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      ['1', 2],
      ['2', 3],
      ['3', 1],
    ],
  )
  await driver.stop()
})

test('a tombstone deletes the row of a table, in the state and in the output', async () => {
  const rows = stream('rows', { value: nullable(json<{ n: number }>()) })
  const driver = await testDriver(topology('rows', rows.byKey().toTable('rows').to('table', { value: json() })))
  driver.send('rows', { key: 'a', value: { n: 1 } }, { key: 'b', value: { n: 2 } })
  await driver.batch()
  driver.send('rows', { key: 'a', value: null })
  await driver.batch()
  assert.deepEqual(
    driver.read('table').map(({ key, value }) => [key, value]),
    [
      ['a', { n: 1 }],
      ['b', { n: 2 }],
      ['a', null],
    ],
  )
  assert.deepEqual([...driver.state('rows').keys()], ['b'])
  await driver.stop()
})

test('the fault of a topology is the fault of the call that met it', async () => {
  const bad = topology('bad', stream('in', { value: json<{ n: number }>() }).to('out', { value: json() }))
  const driver = await testDriver(bad)
  driver.sendBytes('in', { value: Buffer.from('{"n":') })
  await assert.rejects(driver.batch(), /topic in.*partition 0.*offset 0/s)
})

test('a codec that loses something, or a change of a stored value, fails in the first test', async () => {
  type Bag = { seen: string[] }
  const words = stream('words', { value: text() })
  const mutating = topology(
    'mutating',
    words
      .byKey()
      .aggregate<Bag>('bag', {
        initial: () => ({ seen: [] }),
        add: (bag, word) => {
          bag.seen.push(word)
          return bag
        },
      })
      .to('bags', { value: json() }),
  )
  const driver = await testDriver(mutating)
  driver.send('words', { key: 'k', value: 'a' }, { key: 'k', value: 'b' })
  await assert.rejects(driver.drain(), /not extensible|read only/)
})

test('keys keep their type through their own codecs', async () => {
  const longs = stream('longs', { key: int64(), value: json<number>() })
  const driver = await testDriver(topology('longs', longs.byKey().count('n').to('out', { key: int64(), value: structured() })))
  driver.send('longs', { key: 7n, value: 1 }, { key: 7n, value: 2 })
  await driver.drain()
  assert.deepEqual(
    driver.read('out').map(({ key, value }) => [key, value]),
    [[7n, 2]],
  )
  await driver.stop()
})
