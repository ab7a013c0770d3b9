/** Writes the sample files beside the topologies that are made up by a seed; their golden files are then written with UPDATE_GOLDEN=1. */
import { writeFileSync } from 'node:fs'
import { purchaseMaker } from '../service/cli/purchases.ts'
import { seededRandom } from '../service/seeded-random.ts'

const seed = 14
const random = seededRandom(seed)
const write = (name: string, lines: readonly string[]) =>
  writeFileSync(new URL(`../topologies/${name}`, import.meta.url), `${lines.join('\n')}\n`)

/** `until` exclusive, with pauses of `pauseMs` on average; ms since 1970. */
function* times(from: number, until: number, pauseMs: number): Generator<number> {
  for (let time = from; time < until; time = Math.floor(time - Math.log(1 - random()) * pauseMs)) yield time
}

/** Lines of invoices as they come in while the shop is open. */
function purchases(opened: readonly (readonly [from: string, until: string])[], pauseMs: number): readonly string[] {
  const next = purchaseMaker(seed)
  const told = opened.flatMap(([from, until]) => [...times(Date.parse(from), Date.parse(until), pauseMs)])
  return told.map((timestamp) => {
    const value = next(timestamp)
    return JSON.stringify({ key: value.customer, value, timestamp })
  })
}

const campaigns = 10
const adsPerCampaign = 10
const adTypes = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile']
const eventTypes = ['view', 'click', 'purchase']
const two = (number: number) => String(number).padStart(2, '0')
const oneOf = (count: number) => Math.floor(random() * count)
const adName = (ad: number) => `ad-${two(ad)}`

/** Which campaign each ad belongs to: ten ads of each, in no order. */
function campaignOfAds(): readonly string[] {
  const order = Array.from({ length: campaigns * adsPerCampaign }, (_, ad) => ({ ad, at: random() })).sort((a, b) => a.at - b.at)
  return order.map(({ ad }, place) => `${adName(ad)},campaign-${two(Math.floor(place / adsPerCampaign))}`).sort()
}

/** Events of two and a half minutes, each told within half a second, one in fifty within five; a few are of an ad that no file knows. */
function adEvents(): readonly string[] {
  const from = Date.parse('2026-01-12T12:00:00Z')
  return [...times(from, from + 150_000, 250)].map((timestamp) => {
    const user = `user-${two(oneOf(100))}`
    const delayMs = oneOf(50) === 0 ? oneOf(5_000) : oneOf(500)
    const value = {
      user_id: user,
      page_id: `page-${two(oneOf(30))}`,
      ad_id: oneOf(60) === 0 ? 'ad-unknown' : adName(oneOf(campaigns * adsPerCampaign)),
      ad_type: adTypes[oneOf(adTypes.length)],
      event_type: eventTypes[oneOf(eventTypes.length)],
      event_time: timestamp - delayMs,
      ip_address: `192.0.2.${oneOf(256)}`,
    }
    return JSON.stringify({ key: user, value, timestamp })
  })
}

const tradingDays = [
  ['2026-01-12T08:00:00Z', '2026-01-12T18:00:00Z'],
  ['2026-01-13T08:00:00Z', '2026-01-13T09:40:00Z'],
] as const
write('hourly-purchases.input.jsonl', purchases(tradingDays, 21_500))
write('customer-spend.input.jsonl', purchases([['2026-01-12T08:00:00Z', '2026-01-12T08:10:00Z']], 3_000))
write('ad-campaigns.csv', ['ad_id,campaign_id', ...campaignOfAds()])
write('ad-campaigns.input.jsonl', adEvents())
