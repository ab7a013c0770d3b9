/** A topology as text, in the manner of Kafka Streams: sub-topologies, steps, stores and topics. */
import type { Graph, Subtopology } from './graph.ts'
import { changelogTopic, repartitionTopic } from './names.ts'
import type { TopologyNode } from './node.ts'
import { isRepartition } from './order.ts'

/** One paragraph a sub-topology, one entry a step: `<step>-<number>`, what it uses, and where its records come from and go to. */
export function describe(graph: Graph, application: string): string {
  const paragraphs = graph.subtopologies.map((subtopology) => [
    `  Sub-topology: ${subtopology.id}`,
    ...subtopology.nodes.flatMap((node) => entry(graph, subtopology, { node, application })),
  ])
  return [`Topology: ${graph.definition.name}`, ...paragraphs.flat()].join('\n') + '\n'
}

function entry(
  graph: Graph,
  subtopology: Subtopology,
  step: { readonly node: TopologyNode; readonly application: string },
): readonly string[] {
  const { node } = step
  const members = new Set(subtopology.nodes)
  const reads = !isRepartition(node) || subtopology.repartitionSources.some((source) => source === node)
  const writes = !isRepartition(node) || subtopology.repartitionSinks.some((sink) => sink === node)
  const from = writes ? node.inputs : []
  const to = reads ? graph.nodes.filter((other) => members.has(other) && other.inputs.includes(node)) : []
  const names = (nodes: readonly TopologyNode[]) => nodes.map((other) => stepName(graph, other)).join(', ')
  return [
    `    ${stepName(graph, node)}${uses(node, step.application, { reads, writes })}`,
    ...(from.length > 0 ? [`      <-- ${names(from)}`] : []),
    ...(to.length > 0 ? [`      --> ${names(to)}`] : []),
  ]
}

const stepName = (graph: Graph, node: TopologyNode): string => `${node.label ?? node.kind}-${graph.ids.get(node)}`

function uses(node: TopologyNode, application: string, direction: { readonly reads: boolean; readonly writes: boolean }): string {
  const repartition = direction.reads ? (direction.writes ? 'through' : 'from') : 'to'
  const topics = node.topics.map((topic) => {
    if (topic.role === 'repartition')
      return `${repartition} repartition topic: ${repartitionTopic(application, topic.name ?? '')}`
    return `topic: ${topic.name ?? 'given by a function of the record'}`
  })
  const stores = node.stores.map((store) => `store: ${store.name}, changelog: ${changelogTopic(application, store.name)}`)
  const name = node.name !== undefined && topics.length + stores.length === 0 ? [node.name] : []
  const detail = node.detail === undefined ? [] : [node.detail]
  const all = [...detail, ...topics, ...stores, ...name]
  return all.length === 0 ? '' : ` (${all.join('; ')})`
}
