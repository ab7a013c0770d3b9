/** trending-products against its golden file: plainly, with crashes, other batch sizes, partitions, workers, and in another order. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import trendingProducts from '../../topologies/trending-products.ts'
import { goldenOf, type InputLine, type OutputLine, type Replay, replay } from '../support/golden.ts'
import { seededRandom } from '../support/random.ts'

const golden = goldenOf('trending-products')
const { input } = golden
const run = (options: Omit<Replay, 'finish'>, lines: readonly InputLine[] = input) =>
  replay(trendingProducts, lines, ['trending-products'], { ...options, finish: true })

interface Row {
  readonly product: string
  readonly from: string
  readonly to: string
  readonly views: number
  readonly final: boolean
}

const [sizeMs, advanceMs, latenessMs, viewsMin] = [10_000, 5_000, 2_000, 5]
const rowsOf = (rows: readonly OutputLine[]) => rows.map(({ value }) => value as Row)
const nameOf = ({ product, from, to, views }: Row) => `${product} ${from} ${to} ${views}`
const finals = (rows: readonly OutputLine[]) =>
  rowsOf(rows)
    .filter(({ final }) => final)
    .map(nameOf)
    .toSorted()

/** The starts of the windows that `time` is in. */
function startsOf(time: number): readonly number[] {
  const newest = Math.floor(time / advanceMs) * advanceMs
  return [newest - advanceMs, newest]
}

/** Each record with the starts of those of its windows that are still open: until the newest event is two seconds past their end. */
function openFor(lines: readonly InputLine[]): readonly { readonly line: InputLine; readonly starts: readonly number[] }[] {
  let newest = Number.NEGATIVE_INFINITY
  return lines.map((line) => {
    newest = Math.max(newest, line.timestamp)
    return { line, starts: startsOf(line.timestamp).filter((start) => start + sizeMs > newest - latenessMs) }
  })
}

/** By hand, over the whole input: no code of caudal. */
function reference(lines: readonly InputLine[]): readonly string[] {
  const totals = new Map<string, Row>()
  for (const { line, starts } of openFor(lines)) {
    const { product } = line.value as { readonly product: string }
    for (const start of starts) {
      const [from, to] = [new Date(start).toISOString(), new Date(start + sizeMs).toISOString()]
      const views = (totals.get(`${product} ${from}`)?.views ?? 0) + 1
      totals.set(`${product} ${from}`, { product, from, to, views, final: true })
    }
  }
  return [...totals.values()]
    .filter(({ views }) => views >= viewsMin)
    .map(nameOf)
    .toSorted()
}

/** What is late depends on the partition that it is in: here nothing is, not even for one of its windows. */
const inTime = openFor(input).flatMap(({ line, starts }) => (starts.length === sizeMs / advanceMs ? [line] : []))

/** In time they stay: each comes at most two seconds after a newer one. */
function shuffled(lines: readonly InputLine[], seed: number): readonly InputLine[] {
  const random = seededRandom(seed)
  const order = new Map(lines.map((line) => [line, line.timestamp + random() * latenessMs]))
  return lines.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}

describe('trending-products', () => {
  test('plainly, ten records a batch: the golden file, row by row', async () => {
    const rows = await run({ every: 10 })
    assert.deepEqual(rows, golden.expect(rows))
    assert.deepEqual(finals(rows), reference(input))
  })

  test('with a crash after every third batch: the same rows', async () => {
    const rows = await run({
      every: 10,
      after: async (driver, batch) => {
        if (batch % 3 === 2) await driver.crash()
      },
    })
    assert.deepEqual(rows, golden.expect(rows))
  })

  test('counts only grow, and the last row of each window is its only final one', async () => {
    const windows = Map.groupBy(rowsOf(await run({ every: 10 })), ({ product, from }) => `${product} ${from}`)
    for (const [window, rows] of windows) {
      const views = rows.map((row) => row.views)
      assert.deepEqual(
        views,
        views.toSorted((a, b) => a - b),
        window,
      )
      assert.deepEqual(
        rows.map(({ final }) => final),
        rows.map((_, index) => index === rows.length - 1),
        window,
      )
    }
  })

  for (const partitions of [1, 4])
    for (const workers of [1, 3])
      for (const batchRecordsMax of [1, 7, 1_000_000]) {
        test(`${partitions} partitions, ${workers} workers, at most ${batchRecordsMax} records a batch: the same finals`, async () => {
          const lines = shuffled(inTime, 1)
          const crash = (driver: Parameters<NonNullable<Replay['after']>>[0], batch: number) => driver.crash(batch % workers)
          const rows = await run({ every: 50, partitions, workers, batchRecordsMax, after: crash }, lines)
          assert.deepEqual(finals(rows), reference(inTime))
        })
      }

  test('in another order, within the lateness: the same finals', async () => {
    const expected = reference(inTime)
    for (const seed of [1, 2, 3]) {
      const lines = shuffled(inTime, seed)
      assert.deepEqual(reference(lines), expected)
      assert.deepEqual(finals(await run({ every: 25 }, lines)), expected)
    }
  })
})
