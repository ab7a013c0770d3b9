/** Which parts of a topology go by slots: those with windows of batches, and those from whose repartition topics such a part reads. */
import type { BatchWindows, TopologyNode, WindowNode } from './node.ts'
import { isRepartition } from './order.ts'
import { holdsFor, type Part, repartitionsTo } from './part-flow.ts'

export type BatchWindowNode = WindowNode & { readonly windows: BatchWindows }

export const hasBatchWindows = (node: TopologyNode): node is BatchWindowNode =>
  node.kind === 'window' && node.windows.kind === 'batches'

/** The names of the repartition topics behind which somebody goes by slots. */
export const slottedRepartitions = (parts: readonly Part[]): ReadonlySet<string> => repartitionsTo(parts, hasBatchWindows)

/** Whether the part itself goes by slots, or must tell another of them. */
export const isSlotted = (part: Pick<Part, 'nodes' | 'repartitionSinks'>, slotted: ReadonlySet<string>): boolean =>
  holdsFor(part, hasBatchWindows, slotted)

/** The greatest number of repartition topics on a way from a source to what the nodes put out. */
export function repartitionsBefore(nodes: readonly TopologyNode[]): number {
  const known = new Map<TopologyNode, number>()
  const through = (node: TopologyNode): number => {
    const before = known.get(node) ?? Math.max(0, ...node.inputs.map(through)) + (isRepartition(node) ? 1 : 0)
    known.set(node, before)
    return before
  }
  return Math.max(0, ...nodes.map(through))
}
