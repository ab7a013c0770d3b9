/** ad-campaigns against its golden file, and the same for input that is keyed by campaign. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyed } from '../../topologies/ad-campaigns.ts'
import { finals, inputOf, inTime, replay, testGolden } from '../support/golden.ts'
import { adCampaignsGolden, campaignOf } from '../support/goldens/ad-campaigns.ts'

describe('ad-campaigns', () => {
  testGolden(adCampaignsGolden)

  test('keyed by campaign already, without a repartition topic: the same finals', async () => {
    assert.doesNotMatch(keyed.describe(), /repartition/)
    const input = inTime(adCampaignsGolden, inputOf(adCampaignsGolden))
    const byCampaign = input.map((line) => ({ ...line, key: campaignOf(line) ?? 'none' }))
    const rows = await replay({ ...adCampaignsGolden, topology: keyed }, byCampaign, { every: 50, partitions: 4 })
    const renamed = rows.map((row) => ({ ...row, topic: 'ad-campaigns' }))
    assert.deepEqual(finals(adCampaignsGolden, renamed), finals(adCampaignsGolden, adCampaignsGolden.reference(input)))
  })
})
