import assert from 'node:assert/strict'
import { test } from 'node:test'
import { purchaseMaker } from '../../../service/cli/purchases.ts'

const from = Date.parse('2026-01-12T08:00:00Z')
const some = (seed: number) => {
  const next = purchaseMaker(seed)
  return Array.from({ length: 2_000 }, (_, i) => ({ told: from + i * 10_000, purchase: next(from + i * 10_000) }))
}
const purchases = some(1)

test('the same seed gives the same purchases, another one others', () => {
  assert.deepEqual(some(7), some(7))
  assert.notDeepEqual(some(7), some(8))
})

test('purchases are as the topology files have them, refunds included', () => {
  const fields = ['invoice', 'stockCode', 'description', 'quantity', 'invoiceDate', 'unitPrice', 'customer', 'country']
  assert.deepEqual(Object.keys(purchases[0]?.purchase ?? {}), fields)
  const refunds = purchases.filter(({ purchase }) => purchase.quantity < 0)
  assert.ok(refunds.length > 0 && refunds.length < 120, String(refunds.length))
  assert.ok(purchases.every(({ purchase: { invoice, quantity } }) => invoice.startsWith('C') === quantity < 0))
  assert.ok(purchases.every(({ purchase: { unitPrice } }) => Number.isInteger(unitPrice * 4)))
})

test('the lines of an invoice are of one customer and one time', () => {
  const invoices = Map.groupBy(purchases, ({ purchase }) => purchase.invoice)
  assert.ok(invoices.size < purchases.length && invoices.size > purchases.length / 4)
  for (const lines of invoices.values()) {
    const heads = lines.map(({ purchase: { customer, country, invoiceDate } }) => `${customer} ${country} ${invoiceDate}`)
    assert.equal(new Set(heads).size, 1)
  }
  assert.ok(new Set(purchases.map(({ purchase }) => purchase.customer)).size > 30)
})

test('a purchase is told after it was made: most within ten minutes, a few when their hour is over', () => {
  const delays = purchases.map(({ told, purchase }) => told - Date.parse(purchase.invoiceDate))
  assert.ok(delays.every((ms) => ms >= 0))
  const late = delays.filter((ms) => ms > 600_000).length
  assert.ok(late > 0 && late < 40, String(late))
})
