import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { json, sliding } from '../../../service/index.ts'
import { type Event, WindowBed } from './window-bed.ts'
import { slidingReference, stamped } from '../../support/window-references.ts'
import { cutOutcome, ids, merge, timedRecords } from '../../windows/runs.ts'

type Table = Parameters<typeof WindowBed.of>[0]

const joined = (left: string, right: unknown) => (left === '' ? String(right) : `${left}+${String(right)}`)
/** The values of a window, in order: with merge its state is aggregates, without it is records. */
const texts =
  (span: number, { grace = 0, merges = true } = {}): Table =>
  (input) =>
    input.window(sliding(span, { grace })).aggregate('w', {
      initial: () => '',
      add: joined,
      ...(merges ? { merge: joined } : {}),
      state: json<string>(),
    })
const counts =
  (span: number, grace = 0): Table =>
  (input) =>
    input.window(sliding(span, { grace })).count('w')

const values: readonly Event[] = [10, 10, 14, 15, 20, 22, 30].map((time, i) => [time, 'A', i + 1])
const expected = [
  'A [0, 11) "1+2" time',
  'A [4, 15) "1+2+3" time',
  'A [5, 16) "1+2+3+4" time',
  'A [10, 21) "1+2+3+4+5" time',
  'A [11, 22) "3+4+5" time',
  'A [12, 23) "3+4+5+6" time',
  'A [15, 26) "4+5+6" time',
  'A [16, 27) "5+6" time',
  'A [20, 31) "5+6+7" time',
  'A [21, 32) "6+7" time',
  'A [23, 34) "7" time',
]

for (const store of ['memory', 'scripted'] as const) {
  for (const merges of [true, false]) {
    describe(`sliding windows on a ${store} store, of an aggregate with${merges ? '' : 'out'} merge`, () => {
      test('lie where records do, each once', async () => {
        const bed = await WindowBed.of(texts(10, { merges }), { store })
        await bed.each(values)
        await bed.finish()
        assert.deepEqual(bed.read(), expected)
        assert.deepEqual(bed.rows.late, [])
      })

      test('the same in one batch, in whatever order, and over restarts', async () => {
        for (const order of [values, values.toReversed()]) {
          const bed = await WindowBed.of(texts(10, { merges }), { store, lateness: 100, cacheBytes: 1 })
          await bed.batch(order.slice(0, 3))
          await bed.crash()
          await bed.batch(order.slice(3))
          await bed.crash()
          await bed.finish()
          const inOrder = (text: string) =>
            text.replace(/"(.*)"/, (_, items: string) => `"${items.split('+').toSorted().join('+')}"`)
          assert.deepEqual(bed.read().map(inOrder), expected)
          if (store === 'scripted') assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
        }
      })
    })
  }
}

describe('sliding windows', () => {
  test('close when the watermark has passed their last moment by the grace', async () => {
    const bed = await WindowBed.of(counts(10, 5))
    await bed.batch([[0, 'k']])
    await bed.advance(5)
    assert.deepEqual(bed.read(), [])
    await bed.advance(6)
    assert.deepEqual(bed.read(), ['k [-10, 1) 1 time'])
    assert.equal(bed.output, 1)
    assert.deepEqual(bed.rows.append, [])
    await bed.advance(1000)
    assert.deepEqual(bed.read(), [])
    assert.deepEqual(bed.stored, { keyed: 0, marks: 0, buckets: 0 })
  })

  test('a record that is late for its own window goes into the open ones', async () => {
    const bed = await WindowBed.of(texts(10))
    await bed.batch([[20, 'k', 'a']])
    await bed.batch([[15, 'k', 'b']])
    await bed.finish()
    assert.deepEqual(bed.read(), ['k [10, 21) "b+a" time', 'k [16, 27) "a" time'])
    assert.deepEqual(bed.rows.late, [])
    assert.deepEqual(bed.counted, ['some k@15'])
  })

  test('and into one that a later record begins', async () => {
    const bed = await WindowBed.of(texts(10))
    await bed.batch([[20, 'other', 'x']])
    await bed.batch([[15, 'k', 'b']])
    await bed.crash()
    await bed.batch([[22, 'k', 'c']])
    await bed.finish()
    assert.deepEqual(
      bed.read().filter((row) => row.startsWith('k')),
      ['k [12, 23) "b+c" time', 'k [16, 27) "c" time'],
    )
    assert.deepEqual(bed.rows.late, [])
  })

  test('a record that no open window has after all is late, once that is known', async () => {
    const bed = await WindowBed.of(texts(10))
    await bed.batch([[20, 'other', 'x']])
    await bed.batch([[15, 'k', 'b']])
    assert.deepEqual(bed.rows.late, [])
    await bed.crash()
    await bed.advance(27)
    assert.deepEqual(bed.readRecords('late'), ['k@15'])
    assert.deepEqual(bed.counted, ['all k@15'])
    await bed.batch([[9, 'k', 'z']])
    assert.deepEqual(bed.readRecords('late'), ['k@9'])
  })

  test('rows that change come once a batch, and a last time when the window has closed', async () => {
    const bed = await WindowBed.of(texts(10), { lateness: 5 })
    await bed.batch([
      [10, 'k', 'a'],
      [12, 'k', 'b'],
    ])
    assert.deepEqual(bed.read('update'), ['k [0, 11) "a"', 'k [2, 13) "a+b"', 'k [11, 22) "b"'])
    await bed.batch([[12, 'k', 'c']])
    assert.deepEqual(bed.read('update'), ['k [2, 13) "a+b+c"', 'k [11, 22) "b+c"'])
    await bed.batch([[16, 'k', 'd']])
    assert.deepEqual(bed.read('update'), ['k [0, 11) "a" time', 'k [6, 17) "a+b+c+d"', 'k [11, 22) "b+c+d"', 'k [13, 24) "d"'])
  })

  test('code of the topology that throws on a window stops the batch, with the key', async () => {
    const bed = await WindowBed.of((input) =>
      input.window(sliding(10)).aggregate('w', {
        initial: () => 0,
        add: (sum: number) => sum + 1,
        merge: () => {
          throw new Error('no')
        },
      }),
    )
    const events: readonly Event[] = [
      [0, 'k'],
      [1, 'k'],
    ]
    await assert.rejects(bed.batch(events), /aggregate 'w' failed on a window of key "k": Error: no/)
  })
})

test('sliding windows are what their definition says, late records included, however the stream is cut', async () => {
  const sizes = fc.record({
    span: fc.integer({ min: 0, max: 12 }),
    grace: fc.integer({ min: 0, max: 5 }),
    lateness: fc.integer({ min: 0, max: 30 }),
    merges: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      timedRecords,
      sizes,
      fc.integer({ min: 1, max: 41 }),
      async (records, { lateness, merges, ...sizes }, size) => {
        const windows = sliding(sizes.span, { grace: sizes.grace })
        const table: Table = (input) => input.window(windows).aggregate('w', { ...ids, ...(merges ? { merge } : {}) })
        const bed = await WindowBed.of(table, { lateness, partitions: 2 })
        assert.deepEqual(await cutOutcome(bed, records, size), slidingReference(stamped(records, lateness), sizes))
      },
    ),
    { numRuns: 150 },
  )
})
