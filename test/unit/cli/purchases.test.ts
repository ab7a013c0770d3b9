import assert from 'node:assert/strict'
import { test } from 'node:test'
import { purchaseMaker } from '../../../service/cli/purchases.ts'

const some = (seed: number) => {
  const next = purchaseMaker(seed)
  return Array.from({ length: 1_000 }, (_, i) => next(i))
}

test('the same seed gives the same purchases, another one others', () => {
  assert.deepEqual(some(7), some(7))
  assert.notDeepEqual(some(7), some(8))
})

test('purchases are as the topology file has them, refunds included', () => {
  const purchases = some(1)
  assert.deepEqual(Object.keys(purchases[0] ?? {}), ['customer', 'city', 'product', 'amount', 'at'])
  assert.equal(purchases[999]?.at, '1970-01-01T00:00:00.999Z')
  const refunds = purchases.filter(({ amount }) => amount < 0).length
  assert.ok(refunds > 0 && refunds < 60, String(refunds))
  assert.ok(new Set(purchases.map(({ customer }) => customer)).size > 30)
  const cityOf = new Map(purchases.map(({ customer, city }) => [customer, city]))
  assert.ok(purchases.every(({ customer, city }) => cityOf.get(customer) === city))
})
