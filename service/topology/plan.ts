/** A topology on a given Kafka: its tasks, their partitions, and the internal topics that it needs. */
import { ConfigurationError } from '../errors.ts'
import { parseTaskId, taskId, type TaskId } from '../task-id.ts'
import { fingerprint } from './fingerprint.ts'
import type { Graph, NamedRepartition, Subtopology } from './graph.ts'
import { changelogTopic, nameDefect, repartitionTopic, topicNameDefect } from './names.ts'
import type { SourceNode, TopologyNode } from './node.ts'
import { isRepartition } from './order.ts'

/** A topic that caudal creates for itself. */
export interface InternalTopic {
  readonly name: string
  readonly partitions: number
  readonly kind: 'changelog' | 'repartition'
  /** Whose changelog it is. */
  readonly store?: string
}

export interface PlannedSubtopology {
  readonly id: number
  /** Full topic names: sources, then repartition topics, each sorted. */
  readonly inputTopics: readonly string[]
  /** The most of its inputs: task p reads partition p of those that have one. */
  readonly partitions: number
}

export interface Plan {
  readonly application: string
  readonly graph: Graph
  readonly fingerprint: string
  readonly tasks: readonly TaskId[]
  readonly subtopologies: readonly PlannedSubtopology[]
  readonly internalTopics: readonly InternalTopic[]
  readonly taskPartitions: (task: TaskId) => readonly { readonly topic: string; readonly partition: number }[]
  readonly changelogOf: (store: string) => string
  readonly repartitionTopicOf: (name: string) => string
  /** All that the group reads: source topics, then repartition topics, each sorted; the same for all of one fingerprint. */
  readonly subscription: readonly string[]
}

/** What reads the topic; undefined for a repartition topic. */
export const sourceOf = (plan: Plan, topic: string): SourceNode | undefined =>
  plan.graph.subtopologies.flatMap(({ sources }) => sources).find((source) => source.topics.some(({ name }) => name === topic))

/** The repartition topics of the graph: those that exist keep their partitions. */
export const repartitionTopics = (graph: Graph, application: string): readonly string[] =>
  graph.repartitions.map(({ name }) => repartitionTopic(application, name))

/** The topics that must be there before the topology starts: sources, sinks with a fixed name, the dead-letter topic. */
export function requiredTopics(graph: Graph): readonly string[] {
  const used = graph.nodes.flatMap((node) => node.topics).filter((topic) => topic.role !== 'repartition')
  const names = [...used.flatMap((topic) => topic.name ?? []), graph.definition.deadLetterTopic ?? []].flat()
  return [...new Set(names)].sort()
}

/**
 * `partitionsOf` has the partition count of every topic of `requiredTopics` and of `repartitionTopics` that exists.
 * @throws ConfigurationError with every missing topic, unequal count and illegal name.
 */
export function planOf(graph: Graph, application: string, partitionsOf: ReadonlyMap<string, number>): Plan {
  const changelogOf = (store: string) => changelogTopic(application, store)
  const repartitionTopicOf = (name: string) => repartitionTopic(application, name)
  const counts = new Map(partitionsOf)
  for (const node of graph.repartitions) {
    const topic = repartitionTopicOf(node.name)
    // One that is there keeps its partitions, though its sources get more: what is in it, and the state behind it, went by theirs.
    const partitions = node.partitions ?? partitionsOf.get(topic) ?? repartitionPartitions(node, partitionsOf)
    if (partitions !== undefined) counts.set(topic, partitions)
  }
  const inputsOf = (subtopology: Subtopology) => [
    ...subtopology.sourceTopics,
    ...subtopology.repartitionNames.map(repartitionTopicOf),
  ]
  const defects = [
    ...nameDefects(graph, application),
    ...requiredTopics(graph)
      .filter((topic) => !partitionsOf.has(topic))
      .map((topic) => `Topic '${topic}' does not exist. Create it, or correct its name in the topology.`),
    ...graph.subtopologies.flatMap((subtopology) => partitionDefects(subtopology, inputsOf(subtopology), counts)),
  ]
  if (defects.length > 0) throw new ConfigurationError(defects)

  const planned = graph.subtopologies.map((subtopology) => {
    const inputTopics = inputsOf(subtopology)
    return { id: subtopology.id, inputTopics, partitions: Math.max(...inputTopics.map((topic) => counts.get(topic) ?? 0)) }
  })
  return {
    application,
    graph,
    fingerprint: fingerprint(graph),
    tasks: planned.flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, partition) => taskId(id, partition))),
    subtopologies: planned,
    internalTopics: internalTopics(graph, planned, { changelogOf, repartitionTopicOf, counts }),
    taskPartitions: (task) => {
      const { subtopology, partition } = parseTaskId(task)
      const topics = planned[subtopology]?.inputTopics ?? []
      return topics.filter((topic) => partition < (counts.get(topic) ?? 0)).map((topic) => ({ topic, partition }))
    },
    changelogOf,
    repartitionTopicOf,
    subscription: [
      ...graph.subtopologies.flatMap((subtopology) => subtopology.sourceTopics).sort(),
      ...graph.repartitions.map((node) => repartitionTopicOf(node.name)).sort(),
    ],
  }
}

/** The most of what its records come from; undefined where no topic of that exists. */
function repartitionPartitions(node: NamedRepartition, partitionsOf: ReadonlyMap<string, number>): number | undefined {
  const visited = new Set<TopologyNode>()
  const found: number[] = []
  const visit = (upstream: TopologyNode) => {
    if (visited.has(upstream)) return
    visited.add(upstream)
    for (const topic of upstream.topics) if (topic.role === 'source') found.push(partitionsOf.get(topic.name ?? '') ?? 0)
    if (isRepartition(upstream) && upstream.partitions !== undefined) found.push(upstream.partitions)
    else for (const input of upstream.inputs) visit(input)
  }
  visit(node)
  const most = Math.max(0, ...found)
  return most === 0 ? undefined : most
}

/** State of a key is found on one partition number, so all inputs of a task with state are partitioned alike. */
function partitionDefects(
  subtopology: Subtopology,
  inputs: readonly string[],
  counts: ReadonlyMap<string, number>,
): readonly string[] {
  const known = inputs.filter((topic) => counts.has(topic))
  const unequal = new Set(known.map((topic) => counts.get(topic))).size > 1
  if (subtopology.stores.length === 0 || !unequal) return []
  const stores = subtopology.stores.map((store) => `'${store.name}'`).join(', ')
  const list = known.map((topic) => `${topic} has ${counts.get(topic)}`).join(', ')
  return [
    `The inputs of ${stores} have different numbers of partitions (${list}), so that a key would be on one partition of one and on another of the other. ` +
      'Give the topics the same number, or lead the records through keyBy with `partitions`.',
  ]
}

function nameDefects(graph: Graph, application: string): readonly string[] {
  const applicationDefect = nameDefect('the application', application)
  if (applicationDefect !== undefined) return [applicationDefect]
  const internal = new Set([
    ...graph.stores.map((store) => changelogTopic(application, store.name)),
    ...graph.repartitions.map((node) => repartitionTopic(application, node.name)),
  ])
  const illegal = [...internal].flatMap((topic) => topicNameDefect(topic) ?? [])
  const taken = requiredTopics(graph)
    .filter((topic) => internal.has(topic))
    .map((topic) => `Topic '${topic}' is one of caudal's own for this application: the topology can neither read nor write it.`)
  return [...illegal, ...taken]
}

function internalTopics(
  graph: Graph,
  planned: readonly PlannedSubtopology[],
  known: Pick<Plan, 'changelogOf' | 'repartitionTopicOf'> & { readonly counts: ReadonlyMap<string, number> },
): readonly InternalTopic[] {
  const changelogs = graph.subtopologies.flatMap((subtopology) =>
    subtopology.stores.map(({ name: store }) => ({
      name: known.changelogOf(store),
      partitions: planned[subtopology.id]?.partitions ?? 0,
      kind: 'changelog' as const,
      store,
    })),
  )
  const repartitions = graph.repartitions.map(({ name }) => {
    const topic = known.repartitionTopicOf(name)
    return { name: topic, partitions: known.counts.get(topic) ?? 0, kind: 'repartition' as const }
  })
  return [...repartitions, ...changelogs]
}
