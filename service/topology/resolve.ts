/** Resolves what a definition leaves open: one source node a topic, and a name for every repartition topic. */
import type { RepartitionNode, SourceNode, TopologyNode } from './node.ts'
import { isRepartition, isSource, repartitionName, storesDownstream, topologicalOrder } from './order.ts'

/** A repartition whose topic has its name. */
export type NamedRepartition = RepartitionNode & { readonly name: string }

/** The options in which two sources of one topic differ; none: they are one source. */
export function sourceDifferences(left: SourceNode, right: SourceNode): readonly string[] {
  const options = ['key', 'value', 'time', 'onInvalid', 'onDeleted', 'lateness', 'idleAfter', 'futureMax'] as const
  const differences: string[] = options.filter((option) => left[option] !== right[option])
  if (JSON.stringify(left.startAt) !== JSON.stringify(right.startAt)) differences.push('startAt')
  return differences
}

/** The nodes of a valid definition in topological order, resolved. Nodes that nothing changes for are the ones that came in. */
export function resolve(sinks: readonly TopologyNode[]): readonly TopologyNode[] {
  const order = topologicalOrder(sinks)
  const downstream = storesDownstream(order)
  const sources = new Map<string | undefined, SourceNode>()
  const resolved = new Map<TopologyNode, TopologyNode>()
  for (const node of order) {
    const inputs = node.inputs.map((input) => resolved.get(input) ?? input)
    const moved = inputs.every((input, i) => input === node.inputs[i])
      ? node
      : Object.freeze({ ...node, inputs: Object.freeze(inputs) })
    if (isSource(moved)) {
      const topic = moved.topics[0]?.name
      const first = sources.get(topic) ?? moved
      sources.set(topic, first)
      resolved.set(node, first)
    } else if (isRepartition(moved)) {
      resolved.set(node, named(moved, repartitionName(moved, downstream.get(node))))
    } else {
      resolved.set(node, moved)
    }
  }
  return [...new Set(resolved.values())]
}

function named(node: RepartitionNode, name: string | undefined): NamedRepartition {
  if (name === undefined) throw new Error('A repartition without a name: the definition was not validated.')
  return Object.freeze({ ...node, name, topics: Object.freeze([Object.freeze({ role: 'repartition' as const, name })]) })
}
