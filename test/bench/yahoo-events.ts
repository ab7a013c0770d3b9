/** The events of Yahoo's streaming benchmark: 240 bytes of JSON, about ads of which each belongs to one of a hundred campaigns. */
import type { InputRecord } from './input.ts'

export interface YahooEvent {
  readonly user_id: string
  readonly page_id: string
  readonly ad_id: string
  readonly ad_type: string
  readonly event_type: 'view' | 'click' | 'purchase'
  readonly event_time: number
  readonly ip_address: string
}

const campaigns = 100
const adsPerCampaign = 10
const ads = campaigns * adsPerCampaign
/** Events a millisecond of event time. */
const perMs = 10
const eventBytes = 240
const types = ['view', 'click', 'purchase'] as const
const kinds = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile']

/** As long as a UUID, which the original has. */
const id = (prefix: string, n: number) => `${prefix}-${n}-`.padEnd(36, '0')
const adId = (ad: number) => id('ad', ad)
const campaignId = (ad: number) => id('campaign', Math.floor(ad / adsPerCampaign))

/** Which campaign each ad belongs to. */
export const campaignOfAd: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: ads }, (_, ad) => [adId(ad), campaignId(ad)]),
)

/** Event number `n` of those from `start` on, ms since 1970: one in three is a view. `key`: what it is keyed by. */
export function yahooEventOf(n: number, start: number, key: 'user' | 'campaign'): InputRecord {
  const ad = (n * 7919) % ads
  const time = start + Math.floor(n / perMs)
  const event: YahooEvent = {
    user_id: id('user', (n * 31) % 100_000),
    page_id: id('page', n % 100),
    ad_id: adId(ad),
    ad_type: kinds[n % kinds.length] ?? '',
    event_type: types[(n + Math.floor(n / ads)) % types.length] ?? 'view',
    event_time: time,
    ip_address: '',
  }
  const short = JSON.stringify(event)
  const value = `${short.slice(0, -2)}${'1'.repeat(Math.max(0, eventBytes - short.length))}"}`
  return { key: key === 'user' ? event.user_id : campaignId(ad), value, time }
}

/** How much event time `count` events take, ms. */
export const yahooSpanMs = (count: number): number => Math.ceil(count / perMs)
