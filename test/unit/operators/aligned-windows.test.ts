import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  hopping,
  json,
  stream,
  topology,
  tumbling,
  type Windowed,
  type WindowedTable,
  type Windows,
} from '../../../service/index.ts'
import type { TestDriver } from '../../../service/testing.ts'
import { WindowBed } from './window-bed.ts'
import { withDriver } from './with-driver.ts'

interface Event {
  readonly key: string
  readonly value: string
  readonly timestamp: number
  readonly partition?: number
}

/** Rows of an output as `key[start,end)=value`, with a mark where they are final. */
const rowsOf = (driver: TestDriver, topic: string): readonly string[] =>
  driver.read<Windowed<unknown>>(topic).map(({ key, value }) => {
    const { start, end, value: row, closedBy } = value
    return `${String(key)}[${start},${end})=${String(row)}${closedBy === undefined ? '' : '.'}`
  })

const events = stream('events', { value: json<string>() }).byKey()
const concatenated = { initial: () => '', add: (left: string, right: string) => (left === '' ? right : `${left}+${right}`) }

const at = (...times: readonly number[]): readonly Event[] => times.map((timestamp) => ({ key: 'a', value: 'x', timestamp }))

describe('tumbling windows', () => {
  const counted = (grace: number) => {
    const counts = events.window(tumbling(2, { grace })).count('counts')
    return topology('counts', [
      counts.emit('append').to('finals', { value: json() }),
      counts.emit('update').to('updates', { value: json() }),
      counts.late().to('late', { value: json() }),
    ])
  }

  test('a window closes when the watermark reaches its end and the grace is over; what comes later is late', () =>
    withDriver([counted(1)], async (driver) => {
      driver.send('events', ...at(0, 1, 2, 1, 0, 5, 0))
      await driver.drain()
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=4.', 'a[2,4)=1.'])
      assert.deepEqual(
        driver.read('late').map(({ timestamp }) => timestamp),
        [0],
      )
    }))

  test('a longer grace takes what would have been late', () =>
    withDriver([counted(2)], async (driver) => {
      driver.send('events', ...at(0, 1, 2, 0, 3, 0, 4, 0, 30))
      await driver.drain()
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=4.', 'a[2,4)=2.', 'a[4,6)=1.'])
    }))

  test('the answer is that of any cut into batches', async () => {
    for (const batchRecordsMax of [1, 2, 3, 100]) {
      await withDriver([counted(1), { batchRecordsMax }], async (driver) => {
        driver.send('events', ...at(0, 1, 2, 1, 0, 5, 0))
        await driver.finish()
        assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=4.', 'a[2,4)=1.', 'a[4,6)=1.'])
      })
    }
  })

  test('`update` has each changed window once a batch, and at last exactly the rows of `append`', () =>
    withDriver([counted(0)], async (driver) => {
      for (const times of [[0, 1, 1], [1, 3], [7]]) {
        driver.send('events', ...at(...times))
        await driver.batch()
      }
      assert.deepEqual(rowsOf(driver, 'updates'), ['a[0,2)=3', 'a[0,2)=4.', 'a[2,4)=1', 'a[2,4)=1.', 'a[6,8)=1'])
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=4.', 'a[2,4)=1.'])
    }))

  test('a final row carries the last moment of its window, an update the newest event', () =>
    withDriver([counted(0)], async (driver) => {
      driver.send('events', ...at(4, 5))
      await driver.drain()
      assert.deepEqual(
        driver.read('updates').map(({ timestamp }) => timestamp),
        [5],
      )
      driver.send('events', ...at(100))
      await driver.drain()
      assert.deepEqual(
        driver.read('finals').map(({ timestamp }) => timestamp),
        [5],
      )
    }))

  test('rows of one window come in the order of their key bytes', () =>
    withDriver([counted(0)], async (driver) => {
      const keys = ['b', 'é', 'a', 'Z', 'aa', '10', '9']
      driver.send('events', ...keys.map((key) => ({ key, value: 'x', timestamp: 0 })), ...at(10))
      await driver.drain()
      const expected = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      assert.deepEqual(
        rowsOf(driver, 'finals'),
        expected.map((key) => `${key}[0,2)=1.`),
      )
    }))

  test('open windows, the watermark and what was late survive a crash', () =>
    withDriver([counted(1)], async (driver) => {
      driver.send('events', ...at(0, 1, 2))
      await driver.drain()
      await driver.crash()
      driver.send('events', ...at(1, 0, 5))
      await driver.drain()
      await driver.crash()
      driver.send('events', ...at(0, 2, 4))
      await driver.finish()
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=4.', 'a[2,4)=1.', 'a[4,6)=2.'])
      assert.deepEqual(
        driver.read('late').map(({ timestamp }) => timestamp),
        [0, 2],
      )
    }))

  test('windows that begin before the epoch are as good as any', () => {
    const source = stream('signed', { value: json<number>(), time: (value) => value })
    const counts = source
      .byKey()
      .window(tumbling(10, { offset: 5 }))
      .count('signed')
    return withDriver([topology('signed', [counts.emit('append').to('finals', { value: json() })])], async (driver) => {
      driver.send('signed', ...[-5, -1, 4, 5].map((value) => ({ key: 'a', value, timestamp: 1 })))
      await driver.finish()
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[-5,5)=3.', 'a[5,15)=1.'])
    })
  })

  test('a record far ahead of the clock is invalid, and closes nothing', () => {
    const source = stream('events', { value: json<string>(), onInvalid: 'skip', futureMax: '1 hour' })
    const counts = source.byKey().window(tumbling(2)).count('future')
    const of = topology('future', [counts.emit('append').to('finals', { value: json() })])
    return withDriver([of, { now: 1000 }], async (driver) => {
      driver.send('events', ...at(0, 100 * 365 * 86_400_000, 1))
      await driver.drain()
      assert.deepEqual(rowsOf(driver, 'finals'), [])
      await driver.finish()
      assert.deepEqual(rowsOf(driver, 'finals'), ['a[0,2)=2.'])
    })
  })
})

/** Hopping windows of aggregates that can be merged share slices; others are kept each by itself. */
for (const merges of [true, false]) {
  describe(`hopping windows of an aggregate with${merges ? '' : 'out'} merge`, () => {
    const merge = merges ? { merge: concatenated.add } : {}
    const joinedOver = (windows: Windows<unknown>) => events.window(windows).aggregate('joined', { ...concatenated, ...merge })
    const joined = (grace: number) => {
      const windows = joinedOver(hopping(10, 5, { grace }))
      return topology('joined', [
        windows.emit('append').to('finals', { value: json() }),
        windows.emit('update').to('updates', { value: json() }),
        windows.late().to('late', { value: json() }),
      ])
    }
    const ofCase = (records: readonly (readonly [string, string, number])[]) =>
      records.map(([key, value, timestamp]) => ({ key, value, timestamp }))

    test('a record is in each window that holds it', () =>
      withDriver([joined(5)], async (driver) => {
        const first = [
          ['A', '1', 0],
          ['B', '2', 1],
          ['C', '3', 2],
          ['D', '4', 3],
          ['A', '1', 9],
          ['A', '1', 15],
        ] as const
        driver.send('events', ...ofCase(first))
        await driver.drain()
        const soon = ['A[-5,5)=1.', 'B[-5,5)=2.', 'C[-5,5)=3.', 'D[-5,5)=4.']
        assert.deepEqual(rowsOf(driver, 'finals'), [...soon, 'A[0,10)=1+1.', 'B[0,10)=2.', 'C[0,10)=3.', 'D[0,10)=4.'])
        const second = [
          ['A', '1', 10],
          ['B', '2', 11],
          ['D', '4', 12],
          ['B', '2', 13],
          ['C', '3', 14],
          ['A', '1', 20],
        ] as const
        driver.send('events', ...ofCase(second))
        await driver.drain()
        assert.deepEqual(rowsOf(driver, 'finals'), ['A[5,15)=1+1.', 'B[5,15)=2+2.', 'C[5,15)=3.', 'D[5,15)=4.'])
      }))

    test('`update` has each open window that a batch changed, once, and at last exactly the rows of `append`', () =>
      withDriver([joined(0)], async (driver) => {
        driver.send('events', ...ofCase([['A', 'a', 1]]), ...ofCase([['A', 'b', 7]]), ...ofCase([['B', 'c', 6]]))
        await driver.batch()
        const rows = driver.read<Windowed<string>>('updates')
        const shown = rows.map(({ key, value, timestamp }) => `${String(key)}[${value.start}=${value.value}@${timestamp}`)
        assert.deepEqual(shown.toSorted(), ['A[-5=a@4', 'A[0=a+b@7', 'A[5=b@7', 'B[0=c@6', 'B[5=c@6'])
        driver.send('events', ...ofCase([['A', 'd', 16]]))
        await driver.batch()
        assert.deepEqual(rowsOf(driver, 'updates').toSorted(), [
          'A[0,10)=a+b.',
          'A[10,20)=d',
          'A[15,25)=d',
          'A[5,15)=b.',
          'B[0,10)=c.',
          'B[5,15)=c.',
        ])
        assert.deepEqual(rowsOf(driver, 'finals'), ['A[-5,5)=a.', 'A[0,10)=a+b.', 'B[0,10)=c.', 'A[5,15)=b.', 'B[5,15)=c.'])
      }))

    test('a record that its own partition has passed is in no window that ends before, though others keep it open', async () => {
      for (const store of ['memory', 'scripted'] as const) {
        const bed = await WindowBed.of(
          (input) =>
            input.window(hopping(10, 5)).aggregate('w', { ...concatenated, ...merge }) as WindowedTable<string, unknown, never>,
          { partitions: 2, store, cacheBytes: 1 },
        )
        await bed.batch([
          [0, 'A', 'o', 1],
          [6, 'A', 'x'],
          [12, 'A', 'y'],
          [7, 'A', 'z'],
          [1, 'A', 'late'],
        ])
        assert.deepEqual(bed.counted, ['some A@7', 'all A@1'])
        assert.deepEqual(bed.readRecords('late'), ['A@1'])
        await bed.crash()
        await bed.finish()
        const five = merges ? 'x+z+y' : 'x+y+z'
        assert.deepEqual(bed.read(), [
          'A [-5, 5) "o" time',
          'A [0, 10) "o+x" time',
          `A [5, 15) "${five}" time`,
          'A [10, 20) "y" time',
        ])
        if (store === 'scripted') assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
      }
    })

    test('windows close one advance after the other, while nothing comes', async () => {
      const windows = hopping(10, 3, { grace: 2, offset: 1 })
      const bed = await WindowBed.of(
        (input) => input.window(windows).aggregate('w', { ...concatenated, ...merge }) as WindowedTable<string, unknown, never>,
      )
      await bed.batch([
        [0, 'k', 'a'],
        [0, 'l', 'b'],
        [4, 'k', 'c'],
      ])
      const closed = bed.read().map((row) => `4: ${row}`)
      for (let time = 5; time <= 16; time++) {
        await bed.advance(time)
        assert.equal(bed.output, time - 2)
        closed.push(...bed.read().map((row) => `${time}: ${row}`))
        if (time === 8) await bed.crash()
      }
      assert.deepEqual(closed, [
        '4: k [-8, 2) "a" time',
        '4: l [-8, 2) "b" time',
        '7: k [-5, 5) "a+c" time',
        '7: l [-5, 5) "b" time',
        '10: k [-2, 8) "a+c" time',
        '10: l [-2, 8) "b" time',
        '13: k [1, 11) "c" time',
        '16: k [4, 14) "c" time',
      ])
      assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
    })

    test('a record on which code of the topology throws is in no window', () => {
      const fussy = events.window(hopping(10, 5)).aggregate('fussy', {
        initial: () => '',
        add: (left, right) => {
          if (right === 'bad') throw new Error('no')
          return left + right
        },
        ...(merges ? { merge: (left: string, right: string) => left + right } : {}),
      })
      const of = topology('fussy', [fussy.emit('append').to('finals', { value: json() })], { onError: 'skip' })
      return withDriver([of], async (driver) => {
        driver.send('events', ...ofCase([['A', 'a', 1]]), ...ofCase([['A', 'bad', 2]]), ...ofCase([['A', 'b', 6]]))
        await driver.finish()
        assert.deepEqual(rowsOf(driver, 'finals'), ['A[-5,5)=a.', 'A[0,10)=ab.', 'A[5,15)=b.'])
      })
    })
  })
}

describe('a close of many windows', () => {
  const kinds = {
    'side by side': { windows: tumbling(10), keys: 5000, each: 1 },
    'of few keys, overlapping': { windows: hopping(10, 1), keys: 500, each: 10 },
  }
  for (const [name, { windows, keys, each }] of Object.entries(kinds))
    for (const store of ['memory', 'scripted'] as const)
      for (const cacheBytes of [1, 1e8]) {
        test(`${name}, on a ${store} store with ${cacheBytes} bytes of cache: a bounded number a batch, none twice`, async () => {
          const bed = await WindowBed.of((input) => input.window(windows).count('w'), { store, cacheBytes })
          await bed.batch(Array.from({ length: keys }, (_, i) => [0, `k${i}`] as const))
          await bed.batch([[100, 'last']])
          const rows = [...bed.read()]
          assert.ok(rows.length > 0 && rows.length <= 2100, `${rows.length} in the batch that brought the record`)
          while (bed.isDue) {
            assert.ok(bed.output < 11, String(bed.output))
            // Windows that are final take no more, and the next ones go on.
            await bed.batch([[100, 'last']])
            const more = bed.read()
            assert.ok(more.length > 0 && more.length <= 2100, `${more.length} in one batch`)
            rows.push(...more)
          }
          assert.equal(bed.output, 100)
          assert.deepEqual([rows.length, new Set(rows).size], [keys * each, keys * each])
        })
      }
})
