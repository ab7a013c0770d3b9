import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BrokerVersions, lackOf, versionFor } from '../../../../service/kafka/wire/api-versions.ts'
import { type Api, apiKey, spokenVersions } from '../../../../service/kafka/wire/messages.ts'

/** A broker that knows of each API what caudal speaks, but for these. */
const brokerOf = (others: Readonly<Partial<Record<Api, readonly [number, number]>>>): BrokerVersions =>
  Object.fromEntries(
    (Object.keys(apiKey) as Api[]).map((api) => {
      const [minVersion, maxVersion] = others[api] ?? [0, spokenVersions[api].highest]
      return [apiKey[api], { minVersion, maxVersion }]
    }),
  )

test('the highest version that both speak is taken, and none above the bound', () => {
  assert.equal(versionFor('EndTxn', brokerOf({})), 5)
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [0, 9] })), 5)
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [0, 3] })), 3)
  assert.equal(versionFor('EndTxn', brokerOf({}), 4), 4)
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [0, 3] }), 4), 3)
})

test('there is none for a broker that is too old, too new, or has never heard of it', () => {
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [0, 2] })), null)
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [6, 9] })), null)
  assert.equal(versionFor('EndTxn', brokerOf({ EndTxn: [5, 9] }), 4), null)
  assert.equal(versionFor('EndTxn', {}), null)
})

test('what a broker lacks is named, all of it', () => {
  assert.deepEqual(lackOf(brokerOf({})), [])
  assert.deepEqual(lackOf(brokerOf({ DescribeCluster: [9, 9] })), [], 'no worker asks for it')
  assert.deepEqual(lackOf(brokerOf({ Produce: [0, 9], JoinGroup: [0, 8] })), [
    'it does not know Produce in any of the versions 10 to 12 (only in 0 to 9)',
    'it does not know JoinGroup in version 9 (only in 0 to 8)',
  ])
  assert.match(lackOf({})[0] ?? '', /does not know ApiVersions in any of the versions 3 to 4 \(none at all\)/)
})
