/** Walks over the nodes of a topology. */
import type { RepartitionNode, SourceNode, StoreSpec, TopologyNode } from './node.ts'

export const isSource = (node: TopologyNode): node is SourceNode => node.kind === 'source'

/** A node that writes to a repartition topic and reads from it; keyBy with `alreadyPartitioned` does neither. */
export const isRepartition = (node: TopologyNode): node is RepartitionNode =>
  node.kind === 'repartition' && !node.alreadyPartitioned

/** All nodes that `sinks` are reached from, each once and after its inputs: sink by sink, input by input. */
export function topologicalOrder(sinks: readonly TopologyNode[]): readonly TopologyNode[] {
  const order = new Set<TopologyNode>()
  const visit = (node: TopologyNode) => {
    if (order.has(node)) return
    for (const input of node.inputs) visit(input)
    order.add(node)
  }
  for (const sink of sinks) visit(sink)
  return [...order]
}

/** For each node, the stores downstream of it that records reach without passing through another repartition topic. */
export function storesDownstream(order: readonly TopologyNode[]): ReadonlyMap<TopologyNode, ReadonlySet<StoreSpec>> {
  const reached = new Map<TopologyNode, Set<StoreSpec>>(order.map((node) => [node, new Set()]))
  for (const node of order.toReversed()) {
    const beyond = isRepartition(node) ? [] : [...node.stores, ...(reached.get(node) ?? [])]
    for (const input of node.inputs) for (const store of beyond) reached.get(input)?.add(store)
  }
  return reached
}

/** The name of a repartition: the one it was given, else that of the one store downstream; undefined where that is not one. */
export function repartitionName(node: RepartitionNode, downstream: ReadonlySet<StoreSpec> | undefined): string | undefined {
  if (node.name !== undefined) return node.name
  const [store, ...others] = downstream ?? []
  return others.length === 0 ? store?.name : undefined
}
