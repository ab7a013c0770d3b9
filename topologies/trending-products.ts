/** What is looked at most right now: the views of each product in the last ten seconds, every five, shown while they are counted. */
import { hopping, json, stream, topology } from '../service/index.ts'

// One view of a product's page a record, keyed by visitor. There is no `time` below: the record's own timestamp says when it was.
type View = { visitor: string; product: string }

// Fewer views than this are no trend.
const viewsMin = 5

const trending = stream('product-views', {
  value: json<View>(),
  lateness: '2 seconds',
})
  // Views of one product by all visitors have to meet in one task: `keyBy` leads them there.
  .keyBy((view) => view.product)
  // [0 s, 10 s), [5 s, 15 s), [10 s, 20 s), … They overlap: each view is counted in two of them.
  .window(hopping('10 seconds', '5 seconds'))
  .count('views')

export default topology(
  'trending-products',
  trending
    // `update`: each batch shows the counts that it changed, so that nobody waits for a window to close. A newer row takes the place of
    // the one before with the same product and start. `append` would show the last ones only.
    .emit('update')
    .filter(({ value }) => value >= viewsMin)
    .map(({ start, end, value, closedBy }, record) => ({
      product: record.key,
      from: new Date(start).toISOString(),
      to: new Date(end).toISOString(),
      views: value,
      // The last row of each window says what ended it: no other row comes after it.
      final: closedBy !== undefined,
    }))
    .to('trending-products', { value: json() }),
)
