/** trending-products against its golden file. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inputOf, replay, testGolden } from '../support/golden.ts'
import { type TrendRow, trendingProductsGolden } from '../support/goldens/trending-products.ts'

describe('trending-products', () => {
  testGolden(trendingProductsGolden)

  test('counts only grow, and the last row of each window is its only final one', async () => {
    const rows = await replay(trendingProductsGolden, inputOf(trendingProductsGolden), { every: 10 })
    const windows = Map.groupBy(
      rows.map(({ value }) => value as TrendRow),
      ({ product, from }) => `${product} ${from}`,
    )
    for (const [window, ofWindow] of windows) {
      const views = ofWindow.map((row) => row.views)
      const sorted = views.toSorted((a, b) => a - b)
      assert.deepEqual(views, sorted, window)
      const isLast = ofWindow.map((_, index) => index === ofWindow.length - 1)
      assert.deepEqual(
        ofWindow.map(({ final }) => final),
        isLast,
        window,
      )
    }
  })
})
