/** What each customer has spent so far: a running total, updated as purchases come in. */
import { json, stream, topology } from '../service/index.ts'

// What a record of the topic `purchases` looks like: JSON, one purchase a record, with the customer as the record's key.
type Purchase = { customer: string; city: string; product: string; amount: number; at: string }

const spend = stream('purchases', { value: json<Purchase>() })
  // Refunds and empty baskets are no spend. Functions are plain and synchronous: they see one value at a time.
  .filter((purchase) => purchase.amount > 0)
  // Pass on only what is needed further down.
  .map((purchase) => purchase.amount)
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
