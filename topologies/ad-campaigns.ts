/** How often the ads of each campaign are seen, every ten seconds: the Yahoo streaming benchmark, twice. */
import { type KeyedStream, json, type Sink, staticTable, stream, topology, tumbling } from '../service/index.ts'

// What a page reports of one ad on it: that it was seen, clicked, or led to a purchase. `event_time` is in milliseconds since 1970.
type AdEvent = {
  user_id: string
  page_id: string
  ad_id: string
  ad_type: string
  event_type: 'view' | 'click' | 'purchase'
  event_time: number
  ip_address: string
}
type Ad = { ad_id: string; campaign_id: string }

// Which campaign an ad belongs to: a file beside this one, read once by each worker when it starts. To change it, start again.
const ads = staticTable(new URL('./ad-campaigns.csv', import.meta.url), { key: (ad: Ad) => ad.ad_id })

// The campaign of each view.
const viewsIn = (topic: string) =>
  stream(topic, { value: json<AdEvent>(), time: (event) => event.event_time, lateness: '2 seconds' })
    .filter((event) => event.event_type === 'view')
    .lookup(
      ads,
      (event) => event.ad_id,
      // No row: an ad that the file does not know.
      (_, ad) => ad?.campaign_id,
    )
    .filter((campaign) => campaign !== undefined)

// One row for each campaign and ten seconds, when they are over.
const countsOf = (views: KeyedStream<string, string>, topic: string): Sink =>
  views
    .window(tumbling('10 seconds'))
    .count('views')
    .emit('append')
    .map(({ start, value }, record) => ({ campaign: record.key, from: new Date(start).toISOString(), views: value }))
    .to(topic, { value: json() })

// Views come in keyed by user, so those of one campaign are in all partitions: `keyBy` leads them to one task.
export default topology(
  'ad-campaigns',
  countsOf(
    viewsIn('ad-events').keyBy((campaign) => campaign),
    'ad-campaigns',
  ),
)

// The same where whoever writes the events keys them by campaign already: no topic between, and half the work.
// `caudal run topologies/ad-campaigns.ts --export keyed`.
export const keyed = topology('ad-campaigns-keyed', countsOf(viewsIn('ad-events-by-campaign').byKey(), 'ad-campaigns-keyed'))
