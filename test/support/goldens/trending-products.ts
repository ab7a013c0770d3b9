/** What trending-products comes to, by hand. */
import trendingProducts from '../../../topologies/trending-products.ts'
import type { Golden, InputLine } from '../golden.ts'

export interface TrendRow {
  readonly product: string
  readonly from: string
  readonly to: string
  readonly views: number
  readonly final: boolean
}

const [sizeMs, advanceMs, latenessMs, viewsMin] = [10_000, 5_000, 2_000, 5]
const timeOf = ({ timestamp }: InputLine) => timestamp

/** The starts of the windows that `time` is in. */
function startsOf(time: number): readonly number[] {
  const newest = Math.floor(time / advanceMs) * advanceMs
  return [newest - advanceMs, newest]
}

/** Each record with the starts of those of its windows that are still open: until the newest event is two seconds past their end. */
function openFor(lines: readonly InputLine[]): readonly { readonly line: InputLine; readonly starts: readonly number[] }[] {
  let newest = Number.NEGATIVE_INFINITY
  return lines.map((line) => {
    newest = Math.max(newest, timeOf(line))
    return { line, starts: startsOf(timeOf(line)).filter((start) => start + sizeMs > newest - latenessMs) }
  })
}

export const trendingProductsGolden: Golden = {
  name: 'trending-products',
  topology: trendingProducts,
  timeOf,
  latenessMs,
  // One view is no trend.
  last: { key: 'nobody', value: { visitor: 'nobody', product: 'nothing' }, timestamp: Date.parse('2026-01-13T00:00:00Z') },
  finalsOf: (rows) => rows.filter(({ value }) => (value as TrendRow).final),
  reference(lines) {
    const totals = new Map<string, TrendRow>()
    for (const { line, starts } of openFor(lines)) {
      const { product } = line.value as { readonly product: string }
      for (const start of starts) {
        const [from, to] = [new Date(start).toISOString(), new Date(start + sizeMs).toISOString()]
        const views = (totals.get(`${product} ${from}`)?.views ?? 0) + 1
        totals.set(`${product} ${from}`, { product, from, to, views, final: true })
      }
    }
    const trends = [...totals.values()].filter(({ views }) => views >= viewsMin)
    return trends.map((value) => ({ topic: 'trending-products', key: value.product, value }))
  },
}
