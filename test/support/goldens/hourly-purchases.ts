/** What hourly-purchases comes to, by hand. */
import hourlyPurchases from '../../../topologies/hourly-purchases.ts'
import type { Final, Golden, InputLine } from '../golden.ts'

interface Purchase {
  readonly customer: string
  readonly quantity: number
  readonly unitPrice: number
  readonly invoiceDate: string
}

const purchaseOf = ({ value }: InputLine) => value as Purchase
const timeOf = (line: InputLine) => Date.parse(purchaseOf(line).invoiceDate)
const hourMs = 3_600_000
const latenessMs = 10 * 60_000

export const hourlyPurchasesGolden: Golden = {
  name: 'hourly-purchases',
  topology: hourlyPurchases,
  timeOf,
  latenessMs,
  // A refund.
  last: {
    key: 'nobody',
    value: { customer: 'nobody', quantity: -1, unitPrice: 1, invoiceDate: '2026-01-14T00:00:00Z' },
    timestamp: Date.parse('2026-01-14T00:00:00Z'),
  },
  reference(lines) {
    const totals = new Map<string, { readonly customer: string; readonly hour: string; readonly spent: number }>()
    const late: Final[] = []
    let newest = Number.NEGATIVE_INFINITY
    for (const line of lines) {
      const { customer, quantity, unitPrice } = purchaseOf(line)
      newest = Math.max(newest, timeOf(line))
      if (quantity <= 0) continue
      const start = Math.floor(timeOf(line) / hourMs) * hourMs
      const hour = new Date(start).toISOString()
      // An hour closes when ten minutes past its end are seen.
      if (start + hourMs <= newest - latenessMs) late.push({ topic: 'late-purchases', key: line.key, value: line.value })
      else {
        const spent = (totals.get(`${customer} ${hour}`)?.spent ?? 0) + quantity * unitPrice
        totals.set(`${customer} ${hour}`, { customer, hour, spent })
      }
    }
    return [...late, ...[...totals.values()].map((value) => ({ topic: 'hourly-purchases', key: value.customer, value }))]
  },
}
