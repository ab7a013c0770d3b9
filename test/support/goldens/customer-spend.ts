/** What customer-spend comes to, by hand. */
import customerSpend from '../../../topologies/customer-spend.ts'
import type { Golden } from '../golden.ts'

interface Purchase {
  readonly quantity: number
  readonly unitPrice: number
}

const topic = 'customer-spend'

export const customerSpendGolden: Golden = {
  name: 'customer-spend',
  topology: customerSpend,
  timeOf: ({ timestamp }) => timestamp,
  // It does not go by time: any order is as good.
  latenessMs: 24 * 3_600_000,
  // The last row of each customer.
  finalsOf: (rows) => [...new Map(rows.map((row) => [row.key, row])).values()],
  reference(lines) {
    const totals = new Map<string, number>()
    for (const { key = '', value } of lines) {
      const { quantity, unitPrice } = value as Purchase
      if (quantity > 0) totals.set(key, (totals.get(key) ?? 0) + quantity * unitPrice)
    }
    return [...totals].map(([customer, total]) => ({ topic, key: customer, value: { customer, total } }))
  },
}
