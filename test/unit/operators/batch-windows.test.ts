import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Aggregation,
  batches,
  json,
  type KeyedStream,
  stream,
  topology,
  type Windowed,
  type WindowedTable,
} from '../../../service/index.ts'
import { type TestDriver, type TestDriverOptions, testDriver } from '../../../service/testing.ts'
import { type Event, WindowBed } from './window-bed.ts'
import { withDriver } from './with-driver.ts'

type Amounts = Readonly<Record<string, number>>
interface Sent {
  readonly key: string
  readonly value: number
}

/** `{ a: 1 }` as the records of one batch. */
const recordsOf = (amounts: Amounts): readonly Sent[] => Object.entries(amounts).map(([key, value]) => ({ key, value }))

const adding = {
  initial: () => 0,
  add: (sum: number, value: number) => sum + value,
  merge: (left: number, right: number) => left + right,
}
const { merge: _, ...unmerged } = adding
/** The key stays at 0. */
const inverse = { ...unmerged, remove: (sum: number, value: number) => sum - value }
/** It is dropped there. */
const filtering = { ...unmerged, remove: (sum: number, value: number) => (sum === value ? undefined : sum - value) }

type Sums = Aggregation<string, number, number>
const source = stream('in', { value: json<number>() })

const every = 1000
function topologyOf<A>(table: (input: typeof source) => WindowedTable<string, A, never>, mode: 'append' | 'update' = 'append') {
  const rows = mode === 'append' ? table(source).emit(mode) : table(source).emit(mode)
  return topology('batches', rows.to('out', { value: json() }), { trigger: { every } })
}
const sums = (windows: ReturnType<typeof batches>, aggregation: Sums) => (input: typeof source) =>
  input.byKey().window(windows).aggregate('sums', aggregation) as WindowedTable<string, number, never>

/** Rows as `key value`, sorted within each window, the windows in the order of their ends. */
function byWindow(driver: TestDriver): readonly string[] {
  const rows = driver.read<Windowed<unknown>>('out')
  for (const { value, timestamp } of rows) assert.deepEqual([value.closedBy, timestamp], ['time', value.end - 1])
  const windows = Map.groupBy(rows, ({ value }) => value.end)
  return [...windows.keys()]
    .toSorted((a, b) => a - b)
    .map((end) =>
      (windows.get(end) ?? [])
        .map(({ key, value }) => `${String(key)} ${JSON.stringify(value.value)}`)
        .toSorted()
        .join(', '),
    )
}

/** Sends one element a batch, and then runs some batches without records. */
async function batchesOf(
  of: Parameters<typeof testDriver>[0],
  sent: readonly Amounts[],
  { silent = 0, ...options }: TestDriverOptions & { readonly silent?: number } = {},
): Promise<readonly string[]> {
  let rows: readonly string[] = []
  await withDriver([of, { now: 0, ...options }], async (driver) => {
    for (const amounts of sent) {
      driver.send('in', ...recordsOf(amounts))
      await driver.batch()
    }
    for (let left = silent; left > 0; left--) await driver.batch()
    rows = byWindow(driver)
  })
  return rows
}

const values = [0, 1, 2, 3, 4, 5].map((value) => ({ k: value }))
const listing = {
  initial: () => [] as readonly number[],
  add: (list: readonly number[], value: number) => [...list, value],
}
const concatenating = { ...listing, merge: (left: readonly number[], right: readonly number[]) => [...left, ...right] }
const leaving = {
  ...listing,
  remove: (list: readonly number[], value: number) => {
    const left = list.filter((one) => one !== value)
    return left.length === 0 ? undefined : left
  },
}
const lists =
  (windows: ReturnType<typeof batches>, aggregation: Aggregation<string, number, readonly number[]>) => (input: typeof source) =>
    input.byKey().window(windows).aggregate('lists', aggregation) as WindowedTable<string, readonly number[], never>

const kinds = { 'shares slices': concatenating, 'keeps each window': listing, 'takes out what leaves': leaving }
for (const [name, aggregation] of Object.entries(kinds)) {
  describe(`windows of batches, of an aggregate that ${name}`, () => {
    test('hold the last batches', async () => {
      const overlapping = await batchesOf(topologyOf(lists(batches(2, 1), aggregation)), values, { silent: 4 })
      assert.deepEqual(overlapping, ['k [0]', 'k [0,1]', 'k [1,2]', 'k [2,3]', 'k [3,4]', 'k [4,5]', 'k [5]'])
      const wider = await batchesOf(topologyOf(lists(batches(4, 2), aggregation)), values, { silent: 5 })
      assert.deepEqual(wider, ['k [0,1]', 'k [0,1,2,3]', 'k [2,3,4,5]', 'k [4,5]'])
      const aside = await batchesOf(topologyOf(lists(batches(3, 3), aggregation)), values, { silent: 4 })
      assert.deepEqual(aside, ['k [0,1,2]', 'k [3,4,5]'])
      const uneven = await batchesOf(topologyOf(lists(batches(3, 2), aggregation)), values, { silent: 5 })
      assert.deepEqual(uneven, ['k [0]', 'k [0,1,2]', 'k [2,3,4]', 'k [4,5]'])
    })

    test('the rows of `update` are those of `append`', async () => {
      const of = lists(batches(4, 2), aggregation)
      const appended = await batchesOf(topologyOf(of), values, { silent: 5 })
      assert.deepEqual(await batchesOf(topologyOf(of, 'update'), values, { silent: 5 }), appended)
    })

    test('go on where they were after a crash, between any two batches', async () => {
      const sent = [...values, {}, {}, {}]
      for (let crashed = 1; crashed < sent.length; crashed++) {
        await withDriver([topologyOf(lists(batches(3), aggregation)), { now: 0 }], async (driver) => {
          for (const [i, amounts] of sent.entries()) {
            driver.send('in', ...recordsOf(amounts))
            await driver.batch()
            if (i === crashed) await driver.crash()
          }
          const expected = ['k [0]', 'k [0,1]', 'k [0,1,2]', 'k [1,2,3]', 'k [2,3,4]', 'k [3,4,5]', 'k [4,5]', 'k [5]']
          assert.deepEqual(byWindow(driver), expected, `after batch ${crashed}`)
        })
      }
    })

    test('finish shows every window that has something', () =>
      withDriver([topologyOf(lists(batches(3), aggregation)), { now: 0 }], async (driver) => {
        for (const amounts of values.slice(0, 2)) {
          driver.send('in', ...recordsOf(amounts))
          await driver.batch()
        }
        await driver.finish()
        assert.deepEqual(byWindow(driver), ['k [0]', 'k [0,1]', 'k [0,1]', 'k [1]'])
      }))

    test('a backlog that is cut several times within one interval is one batch, and intervals without any are empty', async () => {
      const of = (input: KeyedStream<string, never>) =>
        input.window(batches(2)).aggregate('w', aggregation as never) as WindowedTable<string, unknown, never>
      for (const store of ['memory', 'scripted'] as const) {
        const bed = await WindowBed.of(of, { everyMs: 100, store, cacheBytes: 1 })
        const at = (value: number): readonly Event[] => [[7, 'k', value]]
        await bed.batch(at(1), 1000)
        await bed.batch(at(2), 1099)
        assert.deepEqual(bed.read(), [])
        await bed.crash()
        await bed.batch(at(3), 1100)
        assert.deepEqual(bed.read(), ['k [900, 1100) [1,2] time'])
        // The clock was set back: the slot stays what it is.
        await bed.batch(at(4), 500)
        assert.deepEqual(bed.read(), [])
        assert.equal(bed.isDue, false)
        await bed.batch([], 5000)
        assert.deepEqual(bed.read().slice(0, 2), ['k [1000, 1200) [1,2,3,4] time', 'k [1100, 1300) [3,4] time'])
        await bed.batch(at(5), 5050)
        await bed.batch([], 5100)
        assert.deepEqual(bed.read(), ['k [4900, 5100) [5] time'])
      }
    })
  })
}

const big: readonly Amounts[] = [{ a: 1 }, { a: 1, b: 1 }, { a: 1, b: 1, c: 1 }, { a: 1, b: 1 }, { a: 1 }, {}]
const bigSums = ['a 1', 'a 2, b 1', 'a 2, b 2, c 1', 'a 2, b 2, c 1', 'a 2, b 1', 'a 1']

describe('sums by key over windows of batches', () => {
  const over = (windows: ReturnType<typeof batches>, aggregation: Sums) => topologyOf(sums(windows, aggregation))

  test('without records in its window a key has no row', async () => {
    assert.deepEqual(await batchesOf(over(batches(2), adding), [{ a: 1 }, { a: 1 }], { silent: 5 }), ['a 1', 'a 2', 'a 1'])
    const twice = await batchesOf(over(batches(2), adding), [...big, ...big], { silent: 2 })
    assert.deepEqual(twice, [...bigSums, ...bigSums])
  })

  test('with `remove` it stays, as it is, until it is filtered', async () => {
    const sent = [{ a: 1 }, { a: 1 }]
    assert.deepEqual(await batchesOf(over(batches(2), inverse), sent, { silent: 5 }), ['a 1', 'a 2', 'a 1', 'a 0', 'a 0', 'a 0'])
    assert.deepEqual(await batchesOf(over(batches(2), filtering), sent, { silent: 5 }), ['a 1', 'a 2', 'a 1'])
    assert.deepEqual(await batchesOf(over(batches(2), filtering), [...big, ...big], { silent: 2 }), [...bigSums, ...bigSums])
    assert.deepEqual(await batchesOf(over(batches(2), inverse), [...big, { a: 1 }], { silent: 1 }), [
      'a 1',
      'a 2, b 1',
      'a 2, b 2, c 1',
      'a 2, b 2, c 1',
      'a 2, b 1, c 0',
      'a 1, b 0, c 0',
      'a 1, b 0, c 0',
    ])
  })

  test('finish shows a key that stays until no value is left in its windows', () =>
    withDriver([over(batches(3), inverse), { now: 0 }], async (driver) => {
      driver.send('in', { key: 'a', value: 1 })
      await driver.finish()
      assert.deepEqual(byWindow(driver), ['a 1', 'a 1', 'a 1'])
    }))

  test('a slide of several batches', async () => {
    const sent = [1, 2, 3, 4, 5, 6].map((a) => ({ a }))
    for (const aggregation of [adding, unmerged, filtering])
      assert.deepEqual(await batchesOf(over(batches(4, 2), aggregation), sent, { silent: 5 }), ['a 3', 'a 10', 'a 18', 'a 11'])
  })

  test('many values of one key in one batch', async () => {
    const bed = await WindowBed.of((input) => input.window(batches(2)).aggregate('w', inverse as never), { everyMs: 1 })
    const many = Array.from({ length: 1000 }, (__, i): Event => [0, 'k', i])
    await bed.batch(many, 0)
    await bed.batch(many, 1)
    await bed.crash()
    await bed.batch([], 2)
    await bed.batch([], 3)
    await bed.batch([], 4)
    assert.deepEqual(
      bed.rows.append.map(({ value }) => value),
      [499_500, 999_000, 499_500, 0],
    )
  })

  test('after a long silence a key without values has one row, not one for each slide that went by', async () => {
    const bed = await WindowBed.of((input) => input.window(batches(2)).aggregate('w', inverse as never), { everyMs: 1 })
    await bed.batch([[0, 'k', 1]], 0)
    await bed.batch([], 1_000_000)
    assert.deepEqual(bed.read(), ['k [-1, 1) 1 time', 'k [0, 2) 1 time', 'k [1, 3) 0 time', 'k [999998, 1000000) 0 time'])
    await bed.batch([], 1_000_001)
    assert.deepEqual(bed.read(), ['k [999999, 1000001) 0 time'])
  })

  test('`complete` shows what is open: the windows that the last batches are in, or the next one where values are taken out', async () => {
    const shown = async (aggregation: Sums) => {
      const bed = await WindowBed.of((input) => input.window(batches(2)).aggregate('w', aggregation as never))
      const seen: (readonly string[])[] = []
      for (const [now, value] of [[0, 1], [1, 10], [2], [3]] as const) {
        await bed.batch(value === undefined ? [] : [[0, 'k', value]], now)
        seen.push(bed.read('complete').map((row) => row.replace('k ', '')))
      }
      return seen
    }
    assert.deepEqual(await shown(adding), [['[-1, 1) 1', '[0, 2) 1'], ['[0, 2) 11', '[1, 3) 10'], ['[1, 3) 10'], []])
    assert.deepEqual(await shown(inverse), [['[-1, 1) 1'], ['[0, 2) 11'], ['[1, 3) 10'], ['[2, 4) 0']])
    assert.deepEqual(await shown(filtering), [['[-1, 1) 1'], ['[0, 2) 11'], ['[1, 3) 10'], []])
  })

  test('code that throws: on a record, its policy counts; on what leaves, the batch stops with the key', async () => {
    const fussy = {
      ...unmerged,
      add: (sum: number, value: number) => {
        if (value === 13) throw new Error('no')
        return sum + value
      },
      remove: () => {
        throw new Error('never')
      },
    }
    const options = { onError: 'skip', reads: 'final rows' } as const
    const bed = await WindowBed.of((input) => input.window(batches(1)).aggregate('w', fussy as never), options)
    await bed.batch([
      [0, 'k', 13],
      [0, 'k', 1],
    ])
    assert.deepEqual(bed.failures, ["aggregate 'w' 0 Error: no"])
    await bed.batch([], 1)
    assert.deepEqual(bed.read(), ['k [0, 1) 1 time'])
    await assert.rejects(bed.batch([], 2), /aggregate 'w' failed on a window of key "k": Error: never/)
  })
})

describe('windows of batches behind a keyBy', () => {
  const perWindow = [{ a: 1 }, { a: 1 }, { a: 1, b: 2 }, { a: 0 }]

  test('records belong to the batch in which they left their source: counts and sums over everything', async () => {
    const counts = topologyOf((input) => input.global().window(batches(2)).count('all') as WindowedTable<string, number, never>)
    assert.deepEqual(await batchesOf(counts, perWindow, { silent: 6 }), [' 1', ' 2', ' 3', ' 3', ' 1'])
    const total = topologyOf(
      (input) =>
        input
          .global()
          .window(batches(2))
          .reduce('all', (left, right) => left + right) as WindowedTable<string, number, never>,
    )
    assert.deepEqual(await batchesOf(total, perWindow, { silent: 6, partitions: 3 }), [' 1', ' 2', ' 4', ' 3', ' 0'])
  })

  test('counts by value, over partitions and workers', async () => {
    const sent = [{ k1: 1 }, { k1: 2, k2: 2 }, { k1: 1, k2: 2, k3: 2 }]
    for (const [partitions, workers] of [
      [1, 1],
      [2, 1],
      [4, 1],
      [4, 2],
    ] as const) {
      const counts = topologyOf(
        (input) =>
          input
            .keyBy((value) => `v${value}`)
            .window(batches(2))
            .count('values') as WindowedTable<string, number, never>,
      )
      assert.deepEqual(
        await batchesOf(counts, sent, { silent: 6, partitions, workers }),
        ['v1 1', 'v1 1, v2 2', 'v1 1, v2 4', 'v1 1, v2 2'],
        `${partitions} partitions, ${workers} workers`,
      )
    }
  })

  test('over two topics, with a crash after each batch', async () => {
    const counts = topologyOf(
      (input) =>
        input
          .keyBy((value) => value % 2, { name: 'first' })
          .records()
          .keyBy((value) => `v${value}`, { name: 'second' })
          .window(batches(2))
          .count('values') as WindowedTable<string, number, never>,
    )
    await withDriver([counts, { now: 0, partitions: 2 }], async (driver) => {
      for (const amounts of [{ k: 1 }, { k: 2 }, { k: 1 }, { j: 1, k: 1 }, {}, {}, {}, {}, {}]) {
        driver.send('in', ...recordsOf(amounts))
        await driver.batch()
        await driver.crash()
      }
      assert.deepEqual(byWindow(driver), ['v1 1', 'v1 1, v2 1', 'v1 1, v2 1', 'v1 3', 'v1 2'])
    })
  })

  test('the windows of other windows: rows belong to the batch in which they come', () =>
    withDriver(
      [
        topologyOf(
          (input) =>
            input
              .byKey()
              .window(batches(2, 2))
              .sum('inner', (value) => value)
              .emit('append')
              .keyBy(() => 'all', { name: 'outer-in' })
              .window(batches(4, 4))
              .sum('outer', ({ value }) => value) as WindowedTable<string, number, never>,
        ),
        { now: 0 },
      ],
      async (driver) => {
        for (const a of [1, 2, 3, 4, 5]) {
          driver.send('in', { key: 'a', value: a })
          await driver.batch()
        }
        await driver.finish()
        const rows = driver.read<Windowed<number>>('out').map(({ value }) => value.value)
        assert.equal(
          rows.reduce((total, value) => total + value, 0),
          15,
        )
      },
    ))
})
