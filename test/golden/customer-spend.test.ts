/** customer-spend against its golden file: plainly, with crashes, with other batch sizes, partitions and workers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import customerSpend from '../../topologies/customer-spend.ts'
import { goldenOf, type OutputLine, type Replay, replay } from '../support/golden.ts'

const golden = goldenOf('customer-spend')
const { input } = golden
const run = (options: Replay) => replay(customerSpend, input, ['customer-spend'], options)

/** The last row of each customer: what no batch size may change. */
const finals = (rows: readonly OutputLine[]) =>
  [...new Map(rows.map(({ key, value }) => [String(key), value]))].sort(([a], [b]) => (a < b ? -1 : 1))

/** The same, by hand: no code of caudal. */
function reference(): readonly (readonly [string, unknown])[] {
  const totals = new Map<string, number>()
  for (const { key = '', value } of input) {
    const { amount } = value as { readonly amount: number }
    if (amount > 0) totals.set(key, (totals.get(key) ?? 0) + amount)
  }
  return [...totals].map(([customer, total]) => [customer, { customer, total }] as const).sort(([a], [b]) => (a < b ? -1 : 1))
}

describe('customer-spend', () => {
  test('plainly, ten records a batch: the golden file, row by row', async () => {
    const rows = await run({ every: 10 })
    assert.deepEqual(rows, golden.expect(rows))
    assert.deepEqual(finals(rows), reference())
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
    test(`${partitions} partitions, ${workers} workers, at most ${batchRecordsMax} records a batch: the same totals`, async () => {
      const rows = await run({
        every: 50,
        partitions,
        workers,
        batchRecordsMax,
        after: (driver, batch) => driver.crash(batch % workers),
      })
      assert.deepEqual(finals(rows), reference())
    })
  }
})
