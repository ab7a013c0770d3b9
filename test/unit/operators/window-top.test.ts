/** top per window: the first rows of all tasks in each window, once it is final, and before. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hopping, json, stream, topology, tumbling } from '../../../service/index.ts'
import { testDriver } from '../../../service/testing.ts'
import { seedOfRun } from '../../support/random.ts'

const value = json<unknown>()
interface Row {
  readonly start: number
  readonly end: number
  readonly value: readonly { readonly key: string; readonly value: number }[]
  readonly closedBy?: string
}
type Read = readonly { readonly key: unknown; readonly value: unknown; readonly timestamp: number }[]
const shown = (rows: Read) =>
  rows.map(({ key, value: row, timestamp }) => {
    const { start, end, value, closedBy } = row as Row
    const ranked = value.map((one) => `${one.key}=${one.value}`).join(' ')
    return `${String(key)}[${start}, ${end}) ${ranked}${closedBy === undefined ? '' : ` ${closedBy}`} @${timestamp}`
  })
const numbers = (lateness: number) => stream('in', { value: json<number>(), lateness })
const sumOf = (total: number, n: number) => (total + n === 0 ? undefined : total + n)
const sums = { initial: () => 0, add: sumOf }

describe('top per window', () => {
  test('of the spend of each hour: once, when the hour is over', async () => {
    const spend = numbers(0)
      .keyBy((n) => `c${n % 10}`)
      .window(tumbling('1 hour'))
      .sum('hourly-spend', (n) => n)
    const best = spend.top('best-customers', 3, (a, b) => b - a).emit('append')
    const driver = await testDriver(
      topology('hourly-spend', [spend.emit('append').to('spend', { value }), best.to('out', { value })]),
      { partitions: 2 },
    )
    const hour = 3_600_000
    for (const [i, n] of [11, 25, 31, 44, 52, 63, 25].entries())
      driver.send('in', { value: n, timestamp: i * 1000, partition: i % 2 })
    for (const partition of [0, 1]) driver.send('in', { value: 99, timestamp: hour, partition })
    await driver.drain()
    assert.deepEqual(shown(driver.read('out')), [`[0, ${hour}) c3=63 c2=52 c5=50 time @${hour - 1}`])
    await driver.finish()
    assert.deepEqual(shown(driver.read('out')), [`[${hour}, ${2 * hour}) c9=198 time @${2 * hour - 1}`])
    await driver.stop()
  })

  test('in update: as rows come, get worse and go, and a last time; in complete: all open windows', async () => {
    const top = numbers(20)
      .byKey()
      .window(tumbling(10))
      .aggregate('w', sums)
      .top('best', 2, (a, b) => b - a)
    const driver = await testDriver(
      topology('modes', [
        top.emit('update').to('update', { value }),
        top.emit('complete').to('complete', { value }),
        top.emit('append').to('append', { value }),
      ]),
    )
    const batch = async (...records: readonly (readonly [key: string, value: number, timestamp: number])[]) => {
      driver.send('in', ...records.map(([key, value, timestamp]) => ({ key, value, timestamp })))
      await driver.drain()
      return [shown(driver.read('update')), shown(driver.read('complete'))]
    }
    assert.deepEqual(await batch(['a', 5, 1], ['b', 3, 2], ['c', 1, 3], ['a', 1, 11]), [
      ['[0, 10) a=5 b=3 @9', '[10, 20) a=1 @19'],
      ['[0, 10) a=5 b=3 @19', '[10, 20) a=1 @19'],
    ])
    assert.deepEqual(await batch(['a', -5, 4]), [['[0, 10) b=3 c=1 @9'], ['[0, 10) b=3 c=1 @9', '[10, 20) a=1 @9']])
    await driver.crash()
    assert.deepEqual(await batch(['b', -4, 4]), [['[0, 10) c=1 b=-1 @9'], ['[0, 10) c=1 b=-1 @9', '[10, 20) a=1 @9']])
    assert.deepEqual(await batch(['a', -1, 12]), [[], ['[0, 10) c=1 b=-1 @19']], 'a window that nothing is left of is gone')
    assert.deepEqual(await batch(['z', 1, 30]), [['[0, 10) c=1 b=-1 time @9', '[30, 40) z=1 @39'], ['[30, 40) z=1 @39']])
    assert.deepEqual(shown(driver.read('append')), ['[0, 10) c=1 b=-1 time @9'])
    await driver.stop()
  })

  test('of hopping windows, and of a top of its own', async () => {
    const top = numbers(0)
      .byKey()
      .window(hopping(10, 5, { offset: 2 }))
      .sum('w', (n) => n)
      .top('best', 2, (a, b) => b - a)
    const count = top.top('larger', 1, (a, b) => b.length - a.length)
    const driver = await testDriver(
      topology('nested', [top.emit('append').to('out', { value }), count.emit('append').to('count', { value })]),
    )
    for (const [key, n, timestamp] of [
      ['a', 1, 0],
      ['b', 2, 3],
      ['c', 3, 8],
      ['d', 1, 30],
    ] as const)
      driver.send('in', { key, value: n, timestamp })
    await driver.finish()
    assert.deepEqual(shown(driver.read('out')), [
      '[-8, 2) a=1 time @1',
      '[-3, 7) b=2 a=1 time @6',
      '[2, 12) c=3 b=2 time @11',
      '[7, 17) c=3 time @16',
      '[22, 32) d=1 time @31',
      '[27, 37) d=1 time @36',
    ])
    const counts = driver.read<Row>('count').map(({ value: { start, end, value } }) => [start, end, value])
    assert.deepEqual(counts[2], [
      2,
      12,
      [
        {
          key: '',
          value: [
            { key: 'c', value: 3 },
            { key: 'b', value: 2 },
          ],
        },
      ],
    ])
    assert.equal(counts.length, 6)
    await driver.stop()
  })

  test('a close that is spread over batches loses none', async () => {
    const top = numbers(0)
      .byKey()
      .window(tumbling(10))
      .sum('w', (n) => n)
      .top('best', 3, (a, b) => b - a)
    const driver = await testDriver(
      topology('large', [top.emit('append').to('out', { value }), top.emit('update').to('update', { value })]),
    )
    const keys = 25_000
    driver.send('in', ...Array.from({ length: keys }, (_, i) => ({ key: `k${i}`, value: (i * 7919) % keys, timestamp: i % 10 })))
    await driver.batch()
    for (let i = 0; i < 4; i++) {
      driver.send('in', { key: 'late', value: 1, timestamp: 10 + i })
      await driver.batch()
      if (i === 1) await driver.crash()
    }
    await driver.drain()
    const best = Array.from({ length: 3 }, (_, i) => keys - 1 - i).map((n) => [
      ...Array.from({ length: keys }, (_, i) => i).filter((i) => (i * 7919) % keys === n),
      n,
    ])
    assert.deepEqual(shown(driver.read('out')), [`[0, 10) ${best.map(([key, n]) => `k${key}=${n}`).join(' ')} time @9`])
    await driver.stop()
  })
})

const event = fc.record({ key: fc.nat(11), value: fc.integer({ min: 1, max: 9 }), timestamp: fc.nat(60) })
const run = fc.record({
  batches: fc.array(fc.record({ events: fc.array(event, { maxLength: 12 }), crashes: fc.boolean() }), { maxLength: 6 }),
  partitions: fc.integer({ min: 1, max: 4 }),
  workers: fc.integer({ min: 1, max: 3 }),
  batchRecordsMax: fc.constantFrom(1, 7, 1_000_000),
  lateness: fc.constantFrom(0, 10, 100),
  n: fc.integer({ min: 1, max: 4 }),
  windows: fc.constantFrom(tumbling(10, { grace: 3 }), hopping(12, 5)),
  keyed: fc.boolean(),
})

/** The first rows of each window, by start and end, of rows of one key each. */
function reference(rows: Read, n: number): readonly string[] {
  const windows = Map.groupBy(rows, ({ value }) => (value as Row).end)
  return [...windows]
    .toSorted(([a], [b]) => a - b)
    .map(([end, ofWindow]) => {
      const ranked = ofWindow.map(({ key, value }) => ({ key: String(key), value: Number((value as { value: number }).value) }))
      const sorted = ranked.toSorted((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1)).slice(0, n)
      const starts = new Set(ofWindow.map(({ value }) => (value as Row).start))
      return `[${[...starts].join()}, ${end}) ${sorted.map(({ key, value }) => `${key}=${value}`).join(' ')}`
    })
}

test('append is the sort of the final rows of each window, each once; update ends with it and shows what is open on the way', () =>
  fc.assert(
    fc.asyncProperty(run, async ({ batches, n, lateness, windows, keyed, ...options }) => {
      const source = numbers(lateness)
      const input = keyed ? source.keyBy((_, { key }) => key) : source.byKey()
      const rows = input.window(windows).sum('w', (v) => v)
      const top = rows.top('best', n, (a, b) => b - a)
      const driver = await testDriver(
        topology('tops', [
          rows.emit('append').to('finals', { value }),
          rows.emit('update').to('rows', { value }),
          top.emit('append').to('append', { value }),
          top.emit('update').to('update', { value }),
        ]),
        options,
      )
      const [open, seen] = [new Map<string, Read[number]>(), new Map<string, string>()]
      const look = () => {
        for (const row of driver.read('rows')) {
          const { end } = row.value as Row
          open.set(`${String(row.key)} ${end}`, row)
        }
        for (const row of driver.read('update'))
          seen.set(String((row.value as Row).end), shown([row])[0]?.split(/ time| @/)[0] ?? '')
        const expected = reference([...open.values()], n)
        assert.deepEqual(
          [...seen].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, row]) => row),
          expected,
        )
      }
      for (const { events, crashes } of batches) {
        for (const { key, ...rest } of events) driver.send('in', { key: `k${key}`, ...rest, partition: key % options.partitions })
        if (crashes) {
          await driver.batch()
          await driver.crash()
        }
        await driver.drain()
        look()
      }
      await driver.finish()
      look()
      const finals = reference(driver.read('finals'), n)
      const appended = shown(driver.read('append')).map((row) => row.split(' time')[0] ?? '')
      assert.deepEqual(
        appended.toSorted((a, b) => Number(/, (\d+)\)/.exec(a)?.[1]) - Number(/, (\d+)\)/.exec(b)?.[1])),
        finals,
      )
      await driver.stop()
    }),
    { seed: seedOfRun(), numRuns: 40 },
  ))
