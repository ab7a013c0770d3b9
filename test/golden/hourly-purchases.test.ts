/** hourly-purchases against its golden file: plainly, with crashes, other batch sizes, partitions, workers, and in another order. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import hourlyPurchases from '../../topologies/hourly-purchases.ts'
import { goldenOf, type InputLine, type OutputLine, type Replay, replay } from '../support/golden.ts'
import { seededRandom } from '../support/random.ts'

const golden = goldenOf('hourly-purchases')
const { input } = golden
const run = (options: Omit<Replay, 'finish'>, lines: readonly InputLine[] = input) =>
  replay(hourlyPurchases, lines, ['hourly-purchases', 'late-purchases'], { ...options, finish: true })

interface Purchase {
  readonly customer: string
  readonly amount: number
  readonly at: string
}
interface Row {
  readonly customer: string
  readonly hour: string
  readonly spent: number
}

const nameOf = ({ customer, hour, spent }: Row) => `${customer} ${hour} ${spent.toFixed(6)}`
const finals = (rows: readonly OutputLine[]) =>
  rows.flatMap(({ topic, value }) => (topic === 'hourly-purchases' ? nameOf(value as Row) : [])).toSorted()

/** By hand, over the whole input: no code of caudal. Late is what is an hour's after ten minutes past its end. */
function reference(lines: readonly InputLine[]): readonly string[] {
  const hourMs = 3_600_000
  const totals = new Map<string, { customer: string; hour: string; spent: number }>()
  let newest = Number.NEGATIVE_INFINITY
  for (const { value } of lines) {
    const { customer, amount, at } = value as Purchase
    const time = Date.parse(at)
    newest = Math.max(newest, time)
    const start = Math.floor(time / hourMs) * hourMs
    if (amount <= 0 || start + hourMs <= newest - 600_000) continue
    const hour = new Date(start).toISOString()
    const total = totals.get(`${customer} ${hour}`) ?? { customer, hour, spent: 0 }
    totals.set(`${customer} ${hour}`, { ...total, spent: total.spent + amount })
  }
  return [...totals.values()].map(nameOf).toSorted()
}

/** Those that are in time stay so: each comes at most ten minutes after a newer one. */
function shuffled(lines: readonly InputLine[], seed: number): readonly InputLine[] {
  const random = seededRandom(seed)
  const order = new Map(lines.map((line) => [line, Date.parse((line.value as Purchase).at) + random() * 600_000]))
  return lines.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}

describe('hourly-purchases', () => {
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

  for (const [partitions, workers, batchRecordsMax] of [
    [1, 1, 1],
    [1, 1, 7],
    [4, 1, 1_000_000],
    [4, 3, 7],
  ] as const) {
    test(`${partitions} partitions, ${workers} workers, at most ${batchRecordsMax} records a batch: the same finals`, async () => {
      // What is late depends on the partition that it is in: here all of it is in time.
      const inTime = shuffled(
        input.filter((line, index) => input.indexOf(line) === index && !(index >= 250 && index < 252)),
        1,
      )
      const crash = (driver: Parameters<NonNullable<Replay['after']>>[0], batch: number) => driver.crash(batch % workers)
      const rows = await run({ every: 50, partitions, workers, batchRecordsMax, after: crash }, inTime)
      assert.deepEqual(finals(rows), reference(inTime))
    })
  }

  test('in another order, within the lateness: the same finals', async () => {
    const inTime = input.filter((_, index) => !(index >= 250 && index < 252))
    const expected = reference(inTime)
    for (const seed of [1, 2, 3]) {
      const lines = shuffled(inTime, seed)
      assert.deepEqual(reference(lines), expected)
      assert.deepEqual(finals(await run({ every: 25 }, lines)), expected)
    }
  })
})
