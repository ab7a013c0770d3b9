/** CreateTopics, DeleteTopics, DescribeConfigs, IncrementalAlterConfigs. */
import { errorCode } from '../kafka/wire/error-codes.ts'
import type { AnswerOf, RequestOf } from '../kafka/wire/messages.ts'
import { brokerConfigs, topicConfigDefaults } from './topic-configs.ts'
import type { Topic, Topics } from './topics.ts'

const topicResource = 2
const brokerResource = 4
const operation = { set: 0, delete: 1 } as const
/** ConfigSource of a setting: of the topic itself, or the default of the code. */
const source = { topic: 1, default: 5 } as const

type CreatableTopic = RequestOf<'CreateTopics'>['topics'][number]
type DescribedConfig = AnswerOf<'DescribeConfigs'>['results'][number]['configs'][number]

export function createTopics(
  topics: Topics,
  nodes: readonly number[],
  request: RequestOf<'CreateTopics'>,
): AnswerOf<'CreateTopics'> {
  const answered = request.topics.map((asked) => {
    const refusal = refusalOf(topics, nodes, asked)
    const partitions = asked.numPartitions === -1 ? 1 : asked.numPartitions
    const configs = Object.fromEntries(asked.configs.map(({ name, value }) => [name, value ?? '']))
    const mayCreate = refusal === errorCode.NONE && request.validateOnly !== true
    const created = mayCreate ? topics.create(asked.name, { partitions, configs }) : undefined
    return createdTopic(asked.name, refusal, created)
  })
  return { throttleTimeMs: 0, topics: answered }
}

export function deleteTopics(topics: Topics, request: RequestOf<'DeleteTopics'>): AnswerOf<'DeleteTopics'> {
  const responses = request.topics.map(({ name, topicId }) => {
    const topic = topics.all().find((known) => known.name === name || known.id === topicId)
    if (topic !== undefined) topics.delete(topic.name)
    const code = topic === undefined ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NONE
    return { name: topic?.name ?? name ?? null, topicId: topic?.id ?? '0'.repeat(32), errorCode: code, errorMessage: null }
  })
  return { throttleTimeMs: 0, responses }
}

export function describeConfigs(topics: Topics, request: RequestOf<'DescribeConfigs'>): AnswerOf<'DescribeConfigs'> {
  const results = request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
    const topic = topics.get(resourceName)
    const isUnknown = resourceType === topicResource && topic === undefined
    const all =
      resourceType === brokerResource ? describe(brokerConfigs, new Map()) : describe(topicConfigDefaults, topic?.configs)
    return {
      errorCode: isUnknown ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NONE,
      errorMessage: null,
      resourceType,
      resourceName,
      configs: isUnknown ? [] : all.filter(({ name }) => configurationKeys === null || configurationKeys.includes(name)),
    }
  })
  return { throttleTimeMs: 0, results }
}

export function alterConfigs(topics: Topics, request: RequestOf<'IncrementalAlterConfigs'>): AnswerOf<'IncrementalAlterConfigs'> {
  const responses = request.resources.map(({ resourceType, resourceName, configs }) => {
    const topic = topics.get(resourceName)
    const answered = (code: number) => ({ errorCode: code, errorMessage: null, resourceType, resourceName })
    if (topic === undefined || resourceType !== topicResource) return answered(errorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if (configs.some(({ name }) => topicConfigDefaults[name] === undefined)) return answered(errorCode.INVALID_CONFIG)
    for (const { name, configOperation, value } of request.validateOnly ? [] : configs) {
      if (configOperation === operation.delete) topic.configs.delete(name)
      else if (configOperation === operation.set) topic.configs.set(name, value ?? '')
    }
    return answered(errorCode.NONE)
  })
  return { throttleTimeMs: 0, responses }
}

function refusalOf(topics: Topics, nodes: readonly number[], asked: CreatableTopic): number {
  const partitions = asked.numPartitions === -1 ? 1 : asked.numPartitions
  const configs = asked.configs.map(({ name }) => name)
  const refusal = topics.refusal(asked.name, partitions, configs)
  if (refusal !== errorCode.NONE) return refusal
  const replicas = asked.replicationFactor
  return replicas === 0 || replicas < -1 || replicas > nodes.length ? errorCode.INVALID_REPLICATION_FACTOR : errorCode.NONE
}

function createdTopic(name: string, code: number, topic: Topic | undefined): AnswerOf<'CreateTopics'>['topics'][number] {
  const isRefused = code !== errorCode.NONE
  return {
    name,
    topicId: topic?.id ?? '0'.repeat(32),
    errorCode: code,
    errorMessage: null,
    topicConfigErrorCode: errorCode.NONE,
    numPartitions: topic?.partitions.length ?? -1,
    replicationFactor: isRefused ? -1 : 1,
    configs: isRefused || topic === undefined ? [] : describe(topicConfigDefaults, topic.configs),
  }
}

function describe(defaults: Readonly<Record<string, string>>, set: ReadonlyMap<string, string> = new Map()): DescribedConfig[] {
  return Object.entries(defaults).map(([name, value]) => ({
    name,
    value: set.get(name) ?? value,
    readOnly: false,
    configSource: set.has(name) ? source.topic : source.default,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: null,
  }))
}
