/** What each customer spends in an hour, by the time of the purchases themselves: one row a customer and hour, when the hour is final. */
import { json, stream, topology, tumbling } from '../service/index.ts'

// One line of an invoice a record, with the customer as the record's key. `invoiceDate` says when it was sold, which may be a while ago.
type Purchase = {
  invoice: string
  stockCode: string
  description: string
  quantity: number
  invoiceDate: string
  unitPrice: number
  customer: string
  country: string
}

const hours = stream('purchases', {
  value: json<Purchase>(),
  // Event time: when it happened, not when it came.
  time: (purchase) => Date.parse(purchase.invoiceDate),
  // Purchases come up to ten minutes late. The watermark, up to which all counts as seen, trails the newest of them by that.
  lateness: '10 minutes',
})
  // Refunds are no spend.
  .filter((purchase) => purchase.quantity > 0)
  .byKey()
  // [10:00, 11:00), [11:00, 12:00), … Each is final when the watermark has reached its end.
  .window(tumbling('1 hour'))
  .sum('hourly-spend', (purchase) => purchase.quantity * purchase.unitPrice)

export default topology('hourly-purchases', [
  // `append`: each row once, and never again. `update` would show hours while they are open.
  hours
    .emit('append')
    .map(({ start, value }, record) => ({ customer: record.key, hour: new Date(start).toISOString(), spent: value }))
    .to('hourly-purchases', { value: json() }),
  // What came after its hour had closed.
  hours.late().to('late-purchases', { value: json() }),
])
