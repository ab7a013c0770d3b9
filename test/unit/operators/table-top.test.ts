/** top over a table: the first rows of all tasks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FatalError } from '../../../service/errors.ts'
import { int64, json, nullable, type Sink, stream, structured, topology } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'
import { seedOfRun } from '../../support/random.ts'

const value = json<unknown>()
const numbers = stream('in', { value: nullable(json<number>()) })
const table = numbers.byKey().toTable('t')
const topOf = (n: number) => table.top('best', n, (a, b) => b - a)
const best = (n: number) => topology('best-of', topOf(n).to('out', { value }))

type Rows = readonly { readonly key: unknown; readonly value: unknown }[]
const shown = (rows: unknown) => (rows as Rows).map(({ key, value }) => `${String(key)}=${String(value)}`).join(' ')

async function run(
  sinks: Sink | readonly [Sink, ...Sink[]],
  batches: readonly (readonly (readonly [string, number | null])[])[],
) {
  const driver = await testDriver(topology('run', sinks))
  const written: string[] = []
  for (const records of batches) {
    driver.send('in', ...records.map(([key, value]) => ({ key, value })))
    await driver.drain()
    written.push(
      driver
        .read('out')
        .map(({ key, value }) => `${JSON.stringify(key)}: ${shown(value)}`)
        .join('; '),
    )
  }
  await driver.stop()
  return written
}

test('one row under one key, ties by key bytes, as rows come, get worse and go', async () => {
  const written = await run(topOf(2).emit('update').to('out', { value }), [
    [
      ['a', 1],
      ['b', 1],
      ['B', 1],
    ],
    [['\u{10400}', 5]],
    [['\uffee', 5]],
    [['\u{10400}', 0]],
    [['\uffee', null]],
    [
      ['B', null],
      ['b', null],
      ['a', null],
    ],
    [['\u{10400}', null]],
  ])
  assert.deepEqual(written, [
    '"": B=1 a=1',
    '"": \u{10400}=5 B=1',
    '"": \uffee=5 \u{10400}=5',
    '"": \uffee=5 B=1',
    '"": B=1 a=1',
    '"": \u{10400}=0',
    '"": ',
  ])
})

test('a change behind the first rows of a task says nothing', async () => {
  const written = await run(topOf(1).emit('update').to('out', { value }), [[['a', 9]], [['b', 3]], [['b', 2]], [['b', null]]])
  assert.deepEqual(written, ['"": a=9', '', '', ''])
})

test('what changes the first rows of a task and not those of all says nothing', async () => {
  const driver = await testDriver(topology('run', topOf(1).emit('update').to('out', { value })), { partitions: 2 })
  const send = async (key: string, n: number, partition: number) => {
    driver.send('in', { key, value: n, partition })
    await driver.drain()
    return driver.read('out').map(({ value }) => shown(value))
  }
  assert.deepEqual(await send('a', 9, 0), ['a=9'])
  assert.deepEqual(await send('b', 5, 1), [])
  assert.deepEqual(await send('b', 8, 1), [])
  assert.deepEqual(await send('a', 7, 0), ['b=8'])
  await driver.stop()
})

test('behind steps of the table, and with steps and every mode behind it', async () => {
  const top = table
    .map((n) => n % 10)
    .filter((n) => n > 0)
    .top('best', 2, (a, b) => b - a)
  const batches = [
    [
      ['a', 19],
      ['b', 5],
      ['c', 10],
    ],
    [['a', 1]],
    [['c', 7]],
  ] as const
  const update = ['"": a=9 b=5', '"": b=5 a=1', '"": c=7 b=5']
  assert.deepEqual(await run(top.to('out', { value }), batches), update)
  assert.deepEqual(await run(top.emit('complete').to('out', { value }), batches), update)
  const mapped = top.map((rows) => rows.toReversed()).filter((rows) => rows.length > 1)
  assert.deepEqual(await run(mapped.emit('update').to('out', { value }), batches), ['"": b=5 a=9', '"": a=1 b=5', '"": b=5 c=7'])
})

test('keys are of their type: text, numbers and bigints of keyBy, and those of a source with a decoder of its own', async () => {
  const source = stream('longs', { key: int64(), value: json<number>() })
  const lists = {
    text: source
      .keyBy((n) => `k${n}`)
      .count('t')
      .top('best', 9, () => 0),
    number: source
      .keyBy((n) => n)
      .count('t')
      .top('best', 9, () => 0),
    bigint: source
      .keyBy((n) => BigInt(n), { alreadyPartitioned: true })
      .count('t')
      .top('best', 9, () => 0),
    own: source
      .byKey()
      .count('t')
      .top('best', 9, () => 0),
  } as const
  const keys: Record<string, unknown> = {}
  for (const [name, top] of Object.entries(lists)) {
    const rows = top.emit('update') as ReturnType<(typeof lists)['text']['emit']>
    const driver = await testDriver(topology('keys', rows.to('out', { value: structured() })))
    driver.send('longs', { key: 7n, value: 1 }, { key: -7n, value: 2 })
    await driver.drain()
    keys[name] = driver
      .read<Rows>('out')
      .at(-1)
      ?.value.map(({ key }) => key)
    await driver.stop()
  }
  assert.deepEqual(keys, { text: ['k1', 'k2'], number: [1, 2], bigint: [1n, 2n], own: [7n, -7n] })
})

test('values travel and are kept by the codec given', async () => {
  const dated = numbers
    .byKey()
    .toTable('t')
    .map((n) => new Date(n))
  const top = dated.top('best', 1, (a, b) => b.getTime() - a.getTime(), { state: structured() })
  const driver = await testDriver(topology('dated', top.to('out', { value: structured() })))
  driver.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2 })
  await driver.drain()
  assert.deepEqual(driver.read('out')[0]?.value, [{ key: 'b', value: new Date(2) }])
  await driver.stop()
})

describe('a compare that tells no order stops the worker, and says what to do', () => {
  const cases = [
    [() => Number.NaN, /compare of top 'best' returned NaN for two rows\. Return a number/],
    [(() => undefined) as never, /compare of top 'best' returned undefined for two rows/],
    [(async () => 1) as never, /compare of top 'best' returned a promise for two rows/],
    [
      () => {
        throw new RangeError('too hot')
      },
      /compare of top 'best' failed: RangeError: too hot\. Correct the function/,
    ],
  ] as const
  for (const [compare, sentence] of cases)
    test(String(sentence), async () => {
      const driver = await testDriver(topology('bad', table.top('best', 2, compare).to('out', { value }), { onError: 'skip' }))
      driver.send('in', { key: 'a', value: 1 }, { key: 'b', value: 2 })
      await assert.rejects(driver.drain(), (error) => error instanceof FatalError && sentence.test(error.message))
    })
})

const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
const change = fc.record({ key: fc.nat(keys.length - 1), value: fc.option(fc.nat(30), { nil: null, freq: 4 }) })

test('after each drain it is the sort of a plain table, whatever comes, crashes and is spread', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ changes: fc.array(change, { maxLength: 25 }), crashes: fc.boolean() }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(1, 7, 1_000_000),
      async (batches, partitions, workers, n, batchRecordsMax) => {
        const driver = await testDriver(best(n), { partitions, workers, batchRecordsMax })
        const plain = new Map<string, number>()
        let last = ''
        for (const { changes, crashes } of batches) {
          for (const { key: index, value } of changes) {
            const key = keys[index] ?? ''
            driver.send('in', { key, value, partition: index % partitions })
            if (value === null) plain.delete(key)
            else plain.set(key, value)
          }
          if (crashes) {
            await driver.batch()
            await driver.crash()
          }
          await driver.drain()
          const sorted = [...plain].toSorted(([k, a], [l, b]) => b - a || (k < l ? -1 : 1)).slice(0, n)
          const rows = driver.read('out')
          last = rows.length === 0 ? last : shown(rows.at(-1)?.value)
          assert.equal(last, sorted.map(([key, value]) => `${key}=${value}`).join(' '))
        }
        await driver.stop()
      },
    ),
    { seed: seedOfRun(), numRuns: 40 },
  ))
