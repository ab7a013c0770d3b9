/** Who is there and who leads what: ApiVersions, Metadata, DescribeCluster, FindCoordinator. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import { type AnswerOf, apiKey, type RequestOf, spokenVersions } from '../kafka/wire/messages.ts'
import type { TransactionProtocol } from '../kafka/wire/transaction-protocol.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { Topic, Topics } from './topics.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'

const authorizedOperationsUnknown = -2_147_483_648
const noTopicId = '0'.repeat(32)
const clusterId = 'in-memory-kafka'

/** The address that a node is given in answers; nobody listens there. */
const host = 'memory'
const port = (node: number) => 9092 + node

/** Every version of each API that caudal speaks; and of the features, `transaction.version` as Kafka 4 has it, or none as in Kafka 3. */
export function apiVersions(protocol: TransactionProtocol): AnswerOf<'ApiVersions'> {
  const apis = Object.keys(apiKey) as (keyof typeof apiKey)[]
  return {
    errorCode: errorCode.NONE,
    apiKeys: apis.map((api) => ({ apiKey: apiKey[api], minVersion: 0, maxVersion: spokenVersions[api].highest })),
    throttleTimeMs: 0,
    supportedFeatures: protocol === 1 ? [] : [{ name: 'transaction.version', minVersion: 0, maxVersion: 2 }],
    finalizedFeaturesEpoch: 1,
    finalizedFeatures: protocol === 1 ? [] : [{ name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 }],
    zkMigrationReady: false,
  }
}

export function metadata(topics: Topics, nodes: readonly number[], request: RequestOf<'Metadata'>): AnswerOf<'Metadata'> {
  const asked = request.topics?.map(({ name, topicId }) => ({
    name,
    topic: name === null ? topics.all().find(({ id }) => id === topicId) : topics.get(name),
  }))
  const named = asked ?? topics.all().map((topic) => ({ name: topic.name, topic }))
  return {
    throttleTimeMs: 0,
    brokers: nodes.map((nodeId) => ({ nodeId, host, port: port(nodeId), rack: null })),
    clusterId,
    controllerId: nodes[0] ?? -1,
    topics: named.map(({ name, topic }) => (topic === undefined ? unknownTopic(name) : describeTopic(topic))),
  }
}

export function describeCluster(nodes: readonly number[]): AnswerOf<'DescribeCluster'> {
  return {
    throttleTimeMs: 0,
    errorCode: errorCode.NONE,
    errorMessage: null,
    clusterId,
    controllerId: nodes[0] ?? -1,
    brokers: nodes.map((brokerId) => ({ brokerId, host, port: port(brokerId), rack: null })),
    clusterAuthorizedOperations: authorizedOperationsUnknown,
  }
}

export function findCoordinator(
  { groups, transactions }: { readonly groups: GroupCoordinator; readonly transactions: TransactionCoordinator },
  request: RequestOf<'FindCoordinator'>,
): AnswerOf<'FindCoordinator'> {
  const coordinators = request.coordinatorKeys.map((key) => {
    const nodeId = (request.keyType ?? 0) === 0 ? groups.nodeOf(key) : transactions.nodeOf(key)
    return { key, nodeId, host, port: port(nodeId), errorCode: errorCode.NONE, errorMessage: null }
  })
  return { throttleTimeMs: 0, coordinators }
}

function describeTopic(topic: Topic): AnswerOf<'Metadata'>['topics'][number] {
  return {
    errorCode: errorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map(({ partition, leader, leaderEpoch }) => ({
      errorCode: errorCode.NONE,
      partitionIndex: partition,
      leaderId: leader,
      leaderEpoch,
      replicaNodes: [leader],
      isrNodes: [leader],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: authorizedOperationsUnknown,
  }
}

function unknownTopic(name: string | null): AnswerOf<'Metadata'>['topics'][number] {
  return {
    errorCode: name === null ? errorCode.UNKNOWN_TOPIC_ID : errorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    topicId: noTopicId,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: authorizedOperationsUnknown,
  }
}
