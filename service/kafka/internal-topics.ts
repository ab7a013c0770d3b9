/** Topics of the application's own: created where they are missing, checked where they exist, purged behind the commit. */
import { errorOf } from '../commit/verdict-errors.ts'
import { isRetry, verdictOf } from '../commit/verdicts.ts'
import { ConfigurationError, ConnectionError, KafkaError } from '../errors.ts'
import { Again, retry } from '../retry.ts'
import { type Cluster, kafkaError, type TopicMetadata } from './cluster.ts'
import { type AskLimits, askLeaders, askWithinMs } from './leader-requests.ts'
import { listOffsets } from './offsets.ts'
import { byTopic, partitionKey, type TopicPartition } from './partition-key.ts'
import { errorCode } from './wire/error-codes.ts'
import type { AnswerOf, RequestOf } from './wire/messages.ts'
import { bootstrapNode } from './wire/wire.ts'

export type InternalTopicKind = 'changelog' | 'repartition'

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** Settings beside, or instead of, those that the kind brings. */
  readonly configs: Readonly<Record<string, string>>
  readonly kind: InternalTopicKind
  /** Default −1: the broker's default. */
  readonly replicationFactor?: number
}

const purpose = 'admin'
const topicResource = 2
const largestLong = '9223372036854775807'
const weekMs = 7 * 24 * 3_600_000

/** With the default of one hour the broker refuses records of a clock that runs ahead; event times may be anything (DESIGN §4). */
const anyTimestamp = { 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': largestLong }
/** A truncated changelog would be a hole in the truth (P11). */
const cleanElection = { 'unclean.leader.election.enable': 'false' }

/** For messages. */
export const wayOutOfMorePartitions =
  'Run the topology under another application id, which reads its input again from the beginning; ' +
  'with a keyBy in front of the state, partitions can be added to the input from then on.'

/** What an internal topic is created with. */
const internalTopicConfigs: Readonly<Record<InternalTopicKind, Readonly<Record<string, string>>>> = {
  changelog: { 'cleanup.policy': 'compact', 'delete.retention.ms': String(weekMs), ...anyTimestamp, ...cleanElection },
  // Kept until caudal deletes it: retention goes by the records' own times, which may be old.
  repartition: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', ...anyTimestamp, ...cleanElection },
}

/** The settings without which an existing topic is not accepted. */
const checkedConfigs: Readonly<Record<InternalTopicKind, readonly string[]>> = {
  changelog: ['cleanup.policy', 'unclean.leader.election.enable', 'message.timestamp.type'],
  repartition: ['cleanup.policy', 'unclean.leader.election.enable', 'message.timestamp.type', 'retention.ms'],
}

/**
 * Creates the topics that are missing and checks those that exist; resolves when all have leaders that answer.
 * @throws ConfigurationError with every defect of the existing ones, before anything is created.
 */
export async function ensureInternalTopics(cluster: Cluster, specs: readonly TopicSpec[], limits?: AskLimits): Promise<void> {
  if (specs.length === 0) return
  const names = specs.map(({ name }) => name)
  const existing = await topicsNow(cluster, names, limits)
  const defects = await defectsOf(cluster, specs, existing, limits)
  if (defects.length > 0) throw new ConfigurationError(defects)
  const missing = specs.filter(({ name }) => !existing.has(name))
  if (missing.length === 0) return
  await create(cluster, missing, limits)
  const created = await leadersOf(cluster, missing, limits)
  // A leader that metadata names may not know of it yet, and would refuse the first Produce: one that answers does.
  const partitions = missing.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  )
  await listOffsets(cluster, partitions, 'latest', 'read_uncommitted', limits)
  // Another process may have been faster, with another topology in mind.
  const late = await defectsOf(cluster, missing, created, limits)
  if (late.length > 0) throw new ConfigurationError(late)
}

export interface TopicConfigs {
  /** max.message.bytes: the largest record batch, compressed, that the topic takes. */
  readonly messageBytesMax: number
  /** delete.retention.ms: for how long compaction keeps the deletion of a key. */
  readonly deleteRetentionMs: number
}

/** Settings of topics that exist, by name. */
export async function topicConfigs(
  cluster: Cluster,
  names: readonly string[],
  limits?: AskLimits,
): Promise<ReadonlyMap<string, TopicConfigs>> {
  const found = await describe(cluster, names, ['max.message.bytes', 'delete.retention.ms'], limits)
  return new Map(
    [...found].map(([name, configs]) => [
      name,
      {
        messageBytesMax: Number(configs.get('max.message.bytes') ?? 1_048_588),
        deleteRetentionMs: Number(configs.get('delete.retention.ms') ?? 86_400_000),
      },
    ]),
  )
}

export interface DeleteUpTo extends TopicPartition {
  /** The first offset that is kept. Only one whose commit was answered, or that a stable OffsetFetch returned: open transactions' records go too (P11). */
  readonly offset: number
}

/** DeleteRecords: resolves with the first offset that is left, by partitionKey. */
export function deleteRecordsBefore(
  cluster: Cluster,
  positions: readonly DeleteUpTo[],
  limits?: AskLimits,
): Promise<ReadonlyMap<string, number>> {
  return askLeaders<DeleteUpTo, number>(cluster, {
    kind: 'DeleteRecords',
    items: positions,
    limits,
    send: async (node, items) => {
      const topics = byTopic(items, ({ partition, offset }) => ({ partitionIndex: partition, offset }))
      const answer = await cluster.wire.request(node, purpose, 'DeleteRecords', { topics, timeoutMs: 10_000 })
      return new Map(
        answer.topics.flatMap((topic) =>
          topic.partitions.map(
            (one) => [partitionKey(topic.name, one.partitionIndex), { code: one.errorCode, result: one.lowWatermark }] as const,
          ),
        ),
      )
    },
  })
}

/** `Cluster.topics`, asked again while a broker comes or goes. @throws FatalError; the last error seen when the time is up */
export function topicsNow(
  cluster: Cluster,
  names: readonly string[],
  limits?: AskLimits,
): Promise<ReadonlyMap<string, TopicMetadata>> {
  return retry(cluster.clock, { withinMs: askWithinMs, ...limits }, async () => {
    try {
      return await cluster.topics(names)
    } catch (error) {
      if (error instanceof ConnectionError) return new Again(error)
      if (error instanceof KafkaError && isRetry(verdictOf('Metadata', error.errorCode))) return new Again(error)
      throw error
    }
  })
}

function leadersOf(
  cluster: Cluster,
  specs: readonly TopicSpec[],
  limits?: AskLimits,
): Promise<ReadonlyMap<string, TopicMetadata>> {
  const names = specs.map(({ name }) => name)
  return retry(cluster.clock, { withinMs: askWithinMs, ...limits }, async () => {
    const found = await topicsNow(cluster, names, limits)
    const lacking = names.find((name) => !found.get(name)?.partitions.every(({ leader }) => leader >= 0))
    return lacking === undefined ? found : new Again(kafkaError('Metadata', errorCode.LEADER_NOT_AVAILABLE, { topic: lacking }))
  })
}

async function defectsOf(
  cluster: Cluster,
  specs: readonly TopicSpec[],
  existing: ReadonlyMap<string, TopicMetadata>,
  limits?: AskLimits,
): Promise<string[]> {
  const present = specs.filter(({ name }) => existing.has(name))
  const keys = [...new Set(Object.values(checkedConfigs).flat())]
  const configs = await describe(
    cluster,
    present.map(({ name }) => name),
    keys,
    limits,
  )
  return present.flatMap((spec) => [
    ...partitionDefect(spec, existing.get(spec.name)?.partitions.length ?? 0),
    ...configDefects(spec, configs.get(spec.name) ?? new Map()),
  ])
}

function partitionDefect({ name, kind, partitions }: TopicSpec, found: number): string[] {
  if (found === partitions) return []
  return [
    `The ${kind} topic ${name} has ${found} partitions, the topology needs ${partitions}: ` +
      (kind === 'changelog'
        ? 'partitions were added to its input, so that keys would come on other partitions than their state is on. '
        : 'keyBy has other `partitions` than before. ') +
      wayOutOfMorePartitions,
  ]
}

function configDefects({ name, kind, configs }: TopicSpec, found: ReadonlyMap<string, string>): string[] {
  const wanted: Readonly<Record<string, string>> = { ...internalTopicConfigs[kind], ...configs }
  return checkedConfigs[kind].flatMap((key) => {
    const value = found.get(key)
    if (value === undefined || value === wanted[key]) return []
    return [
      `The ${kind} topic ${name} has ${key}=${value}, caudal needs ${key}=${String(wanted[key])}: set it with kafka-configs.sh.`,
    ]
  })
}

async function create(cluster: Cluster, specs: readonly TopicSpec[], limits?: AskLimits): Promise<void> {
  const topics = specs.map(({ name, partitions, configs, kind, replicationFactor = -1 }) => ({
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries({ ...internalTopicConfigs[kind], ...configs }).map(([key, value]) => ({ name: key, value })),
  }))
  await askAnyNode(cluster, 'CreateTopics', { topics, timeoutMs: 30_000 }, limits, (answer) =>
    answer.topics.flatMap(({ name, errorCode: code, errorMessage }) =>
      code === errorCode.NONE || code === errorCode.TOPIC_ALREADY_EXISTS
        ? []
        : [{ code, fields: { topic: name, message: errorMessage } }],
    ),
  )
}

async function describe(
  cluster: Cluster,
  names: readonly string[],
  keys: readonly string[],
  limits?: AskLimits,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (names.length === 0) return new Map()
  const resources = names.map((name) => ({ resourceType: topicResource, resourceName: name, configurationKeys: keys }))
  const answer = await askAnyNode(cluster, 'DescribeConfigs', { resources }, limits, (found) =>
    found.results.flatMap(({ resourceName, errorCode: code }) =>
      code === errorCode.NONE ? [] : [{ code, fields: { topic: resourceName } }],
    ),
  )
  return new Map(
    answer.results.map(({ resourceName, configs }) => [
      resourceName,
      new Map(configs.flatMap(({ name, value }) => (value === null ? [] : [[name, value] as const]))),
    ]),
  )
}

interface Failure {
  readonly code: number
  readonly fields: Readonly<Record<string, unknown>>
}

/** A request that any broker answers or passes on, repeated while `failuresOf` its answer are only passing ones. */
function askAnyNode<A extends 'CreateTopics' | 'DescribeConfigs'>(
  cluster: Cluster,
  api: A,
  body: RequestOf<A>,
  limits: AskLimits | undefined,
  failuresOf: (answer: AnswerOf<A>) => readonly Failure[],
): Promise<AnswerOf<A>> {
  return retry(cluster.clock, { withinMs: askWithinMs, ...limits }, async (): Promise<AnswerOf<A> | Again> => {
    try {
      const answer = await cluster.wire.request(bootstrapNode, purpose, api, body, { timeoutMs: 40_000 })
      const failures = failuresOf(answer)
      const final = failures.find(({ code }) => !isRetry(verdictOf(api, code)))
      if (final) throw errorOf(api, final.code, final.fields)
      const passing = failures[0]
      return passing === undefined ? answer : new Again(kafkaError(api, passing.code, passing.fields))
    } catch (error) {
      if (error instanceof ConnectionError) return new Again(error)
      throw error
    }
  })
}
