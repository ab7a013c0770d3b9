/** A topology cut into sub-topologies at its repartition topics. */
import type { StoreSpec, SourceNode, TopologyDefinition, TopologyNode, WithTimeNode } from './node.ts'
import { isRepartition, isSource } from './order.ts'
import { type NamedRepartition, resolve } from './resolve.ts'
import { slottedRepartitions } from './slot-flow.ts'
import { timedRepartitions, timeStore } from './time-flow.ts'

export type { NamedRepartition } from './resolve.ts'

/** The part between repartition topics: what one task runs on one partition number. */
export interface Subtopology {
  readonly id: number
  /** In topological order; a repartition stands both in the one that writes to its topic and in the one that reads from it. */
  readonly nodes: readonly TopologyNode[]
  readonly sources: readonly SourceNode[]
  readonly repartitionSources: readonly NamedRepartition[]
  readonly repartitionSinks: readonly NamedRepartition[]
  /** Topics of `sources`, sorted. */
  readonly sourceTopics: readonly string[]
  /** Names of `repartitionSources`, sorted. */
  readonly repartitionNames: readonly string[]
  readonly stores: readonly StoreSpec[]
  /** In the order of `nodes`: what is committed of a withTime is found again by its place among them. */
  readonly withTimes: readonly WithTimeNode[]
}

export interface Graph {
  readonly definition: TopologyDefinition
  /** In topological order, resolved: read inputs here, not in the definition. */
  readonly nodes: readonly TopologyNode[]
  /** Position in `nodes`. */
  readonly ids: ReadonlyMap<TopologyNode, number>
  readonly subtopologies: readonly Subtopology[]
  readonly repartitions: readonly NamedRepartition[]
  readonly stores: readonly StoreSpec[]
  /** The names of those behind which somebody goes by event time. */
  readonly timedRepartitions: ReadonlySet<string>
  /** The names of those behind which somebody goes by slots. */
  readonly slottedRepartitions: ReadonlySet<string>
}

/** Cuts a valid definition. Sub-topology ids depend on topics, stores and repartition names alone, as the fingerprint does. */
export function graphOf(definition: TopologyDefinition): Graph {
  const nodes = resolve(definition.sinks)
  const components = upstreamFirst(connectedComponents(nodes).map((component) => subtopologyOf(nodes, component)))
  const timed = timedRepartitions(components)
  const subtopologies = components.map((component, id) => ({
    ...component,
    stores: [...component.stores, ...timeStore(component, timed)],
    id,
  }))
  return {
    definition,
    nodes,
    ids: new Map(nodes.map((node, id) => [node, id])),
    subtopologies,
    repartitions: nodes.filter(isNamedRepartition),
    stores: subtopologies.flatMap(({ stores }) => stores),
    timedRepartitions: timed,
    slottedRepartitions: slottedRepartitions(components),
  }
}

const isNamedRepartition = (node: TopologyNode): node is NamedRepartition => isRepartition(node) && node.name !== undefined

/** Sets of nodes that belong together; a repartition belongs to those that read from it. */
function connectedComponents(nodes: readonly TopologyNode[]): readonly ReadonlySet<TopologyNode>[] {
  const componentOf = new Map<TopologyNode, Set<TopologyNode>>()
  for (const node of nodes) {
    const component = new Set([node])
    const connected = isRepartition(node) ? [] : node.inputs
    for (const input of connected) for (const member of componentOf.get(input) ?? []) component.add(member)
    for (const member of component) componentOf.set(member, component)
  }
  return [...new Set(componentOf.values())]
}

function subtopologyOf(nodes: readonly TopologyNode[], component: ReadonlySet<TopologyNode>): Omit<Subtopology, 'id'> {
  const writesTo = (node: TopologyNode) => isRepartition(node) && node.inputs.some((input) => component.has(input))
  const members = nodes.filter((node) => component.has(node))
  const sources = members.filter(isSource)
  const repartitionSources = members.filter(isNamedRepartition)
  return {
    nodes: nodes.filter((node) => component.has(node) || writesTo(node)),
    sources,
    repartitionSources,
    repartitionSinks: nodes.filter(isNamedRepartition).filter(writesTo),
    sourceTopics: sources.flatMap((source) => source.topics.flatMap((topic) => topic.name ?? [])).sort(),
    repartitionNames: repartitionSources.map((node) => node.name).sort(),
    stores: members.flatMap((node) => node.stores),
    withTimes: members.filter((node) => node.kind === 'withTime'),
  }
}

type Component = Omit<Subtopology, 'id'>

/**
 * Upstream first, and by the names of inputs where that leaves a choice: members that run different code with one fingerprint
 * must mean the same task by `0_1`, so the order of sinks and stateless steps must not show.
 */
function upstreamFirst(components: readonly Component[]): readonly Component[] {
  const inputsOf = (component: Component) => JSON.stringify([component.sourceTopics, component.repartitionNames])
  const remaining = components.toSorted((a, b) => (inputsOf(a) < inputsOf(b) ? -1 : 1))
  const ordered: Component[] = []
  while (remaining.length > 0) {
    const waits = (component: Component) =>
      remaining.some(
        (other) => other !== component && other.repartitionSinks.some((node) => component.repartitionSources.includes(node)),
      )
    // Two that write to each other wait for each other: then the first by name goes.
    const next = Math.max(
      0,
      remaining.findIndex((component) => !waits(component)),
    )
    ordered.push(...remaining.splice(next, 1))
  }
  return ordered
}
