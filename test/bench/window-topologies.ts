/** The topologies with windows that are measured. Each reads `<name>-in` and writes `<name>-out`. */
import { hopping, json, session, staticTable, stream, topology, tumbling, type Windows } from '../../service/index.ts'
import type { Bid } from './bids.ts'
import { campaignOfAd, type YahooEvent } from './yahoo-events.ts'

/** Other sides run between two runs of one: time must not go on by itself meanwhile. */
const idleAfter = false
const ads = staticTable(campaignOfAd)

/** The campaign of each view. */
const views = (name: string) =>
  stream(`${name}-in`, { value: json<YahooEvent>(), time: (event) => event.event_time, lateness: '1 second', idleAfter })
    .filter((event) => event.event_type === 'view')
    .lookup(
      ads,
      (event) => event.ad_id,
      (_, campaign) => campaign ?? 'none',
    )

const keyed = (name: string) =>
  topology(
    name,
    views(name)
      .byKey()
      .window(tumbling('10 seconds'))
      .count(`${name}-counts`)
      .emit('append')
      .map(({ start, value }, { key }) => ({ campaign: key, start, views: value }))
      .to(`${name}-out`, { value: json() }),
  )

const repartitioned = (name: string) =>
  topology(
    name,
    views(name)
      .keyBy((campaign) => campaign)
      .window(tumbling('10 seconds'))
      .count(`${name}-counts`)
      .emit('append')
      .map(({ start, value }, { key }) => ({ campaign: key, start, views: value }))
      .to(`${name}-out`, { value: json() }),
  )

export const yahooKeyed = keyed('yahoo-keyed')
export const yahooKeyedRedis = keyed('yahoo-keyed-redis')
export const yahooRepartition = repartitioned('yahoo-repartition')
export const yahooRepartitionRedis = repartitioned('yahoo-repartition-redis')

const bids = (name: string, windows: Windows<unknown>) =>
  topology(
    name,
    stream(`${name}-in`, { value: json<Bid>(), time: (bid) => bid.at, lateness: '1 second', idleAfter })
      .byKey()
      .window(windows)
      .count(`${name}-counts`)
      .emit('append')
      .map(({ start, end, value }, { key }) => ({ auction: key, start, end, bids: value }))
      .to(`${name}-out`, { value: json() }),
  )

export const bidsTumbling = bids('bids-tumbling', tumbling('10 seconds'))
export const bidsHopping = bids('bids-hopping', hopping('10 seconds', '2 seconds'))
export const bidsSessions = bids('bids-sessions', session({ gap: '10 seconds' }))
