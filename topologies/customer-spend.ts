/** What each customer has spent so far: a running total, updated as purchases come in. */
import { json, stream, topology } from '../service/index.ts'

// What a record of the topic `purchases` looks like: JSON, one line of an invoice a record, with the customer as the record's key. It has
// more fields than these; a topology names those that it uses.
type Purchase = { customer: string; quantity: number; unitPrice: number }

const spend = stream('purchases', { value: json<Purchase>() })
  // Refunds are no spend. Functions are plain and synchronous: they see one value at a time.
  .filter((purchase) => purchase.quantity > 0)
  // Pass on only what is needed further down.
  .map((purchase) => purchase.quantity * purchase.unitPrice)
  // State is kept per key. The topic is keyed by customer already; keyBy would give it another key.
  .byKey()
  // The total of each key lives in a store named `total`. It survives restarts, and counts every purchase exactly once.
  .sum('total', (amount) => amount)

// Each batch writes the totals that it changed, in the same transaction as the store and the position in `purchases`.
export default topology(
  'customer-spend',
  spend
    .emit('update')
    .map((total, record) => ({ customer: record.key, total }))
    .to('customer-spend', { value: json() }),
)
