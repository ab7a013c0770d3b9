/** In which version a request goes to a broker: the choice between what it knows and what caudal speaks stands here alone. */
import { type Api, apiKey, spokenVersions } from './messages.ts'

/** The oldest Kafka whose brokers know all that caudal asks of them. */
export const oldestKafka = '3.7'

/** What a broker says that it knows of one API. */
export interface KnownVersions {
  readonly minVersion: number
  readonly maxVersion: number
}

/** What a broker knows, by the key of the API. */
export type BrokerVersions = Readonly<Record<number, KnownVersions>>

/** The highest version of `api` that both sides speak, and none above `versionMax`; null where there is none. */
export function versionFor(api: Api, broker: BrokerVersions, versionMax = Number.POSITIVE_INFINITY): number | null {
  const known = broker[apiKey[api]]
  const { lowest, highest } = spokenVersions[api]
  const version = Math.min(highest, known?.maxVersion ?? -1, versionMax)
  return version >= Math.max(lowest, known?.minVersion ?? 0) ? version : null
}

/** What no worker asks for, but tests and whoever looks at a cluster: a broker may lack it. */
const dispensable: readonly Api[] = [
  'DescribeCluster',
  'DescribeTransactions',
  'ListGroups',
  'DescribeGroups',
  'DeleteGroups',
  'DeleteTopics',
  'IncrementalAlterConfigs',
]

/** What the broker lacks of all that a worker may ask of it, one sentence each: empty for a broker that will do. */
export function lackOf(broker: BrokerVersions): readonly string[] {
  const apis = (Object.keys(apiKey) as Api[]).filter((api) => !dispensable.includes(api))
  return apis.flatMap((api) => (versionFor(api, broker) === null ? [lackOfOne(api, broker)] : []))
}

/** That the broker does not know the API in a version that caudal speaks. */
export function lackOfOne(api: Api, broker: BrokerVersions): string {
  const { lowest, highest } = spokenVersions[api]
  const known = broker[apiKey[api]]
  const spoken = lowest === highest ? `version ${lowest}` : `any of the versions ${lowest} to ${highest}`
  return `it does not know ${api} in ${spoken} (${known === undefined ? 'none at all' : `only in ${known.minVersion} to ${known.maxVersion}`})`
}
