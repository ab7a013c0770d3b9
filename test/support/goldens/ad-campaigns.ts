/** What ad-campaigns comes to, by hand. */
import { readFileSync } from 'node:fs'
import adCampaigns from '../../../topologies/ad-campaigns.ts'
import type { Golden, InputLine } from '../golden.ts'

interface AdEvent {
  readonly ad_id: string
  readonly event_type: string
  readonly event_time: number
}
interface CampaignRow {
  readonly campaign: string
  readonly from: string
  readonly views: number
}

const eventOf = ({ value }: InputLine) => value as AdEvent
const timeOf = (line: InputLine) => eventOf(line).event_time
const sizeMs = 10_000
const latenessMs = 2_000

const table = readFileSync(new URL('../../../topologies/ad-campaigns.csv', import.meta.url), 'utf8')
const campaigns = new Map(table.split('\n').map((line) => line.split(',') as [string, string]))

/** The campaign of an event's ad; undefined for an ad of none. */
export const campaignOf = (line: InputLine): string | undefined => campaigns.get(eventOf(line).ad_id)

export const adCampaignsGolden: Golden = {
  name: 'ad-campaigns',
  topology: adCampaigns,
  timeOf,
  latenessMs,
  // Its own window stays open.
  last: {
    key: 'nobody',
    value: { ad_id: 'ad-00', event_type: 'view', event_time: Date.parse('2026-01-13T00:00:00Z') },
    timestamp: Date.parse('2026-01-13T00:00:00Z'),
  },
  reference(lines) {
    const rows = new Map<string, CampaignRow>()
    let newest = Number.NEGATIVE_INFINITY
    for (const line of lines) {
      newest = Math.max(newest, timeOf(line))
      const start = Math.floor(timeOf(line) / sizeMs) * sizeMs
      const campaign = campaignOf(line)
      if (eventOf(line).event_type !== 'view' || campaign === undefined || start + sizeMs <= newest - latenessMs) continue
      const from = new Date(start).toISOString()
      rows.set(`${campaign} ${from}`, { campaign, from, views: (rows.get(`${campaign} ${from}`)?.views ?? 0) + 1 })
    }
    return [...rows.values()].map((value) => ({ topic: 'ad-campaigns', key: value.campaign, value }))
  },
}
