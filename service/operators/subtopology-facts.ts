/** What the compiler asks of the shape of a sub-topology. */
import type { TopologyNode } from '../topology/node.ts'
import { isRepartition } from '../topology/order.ts'

/** Whether a node becomes an operator with state, or one that reads the state of another after it. */
function isStateful(node: TopologyNode): boolean {
  if (node.kind === 'emit' || node.kind === 'windowEmit') return node.mode === 'complete'
  return node.kind === 'aggregate' || node.kind === 'window' || node.kind === 'topPart'
}

/**
 * The stateful operators by stage, in topological order within each: stage n reads what n stateful operators were in front of. Those that
 * are equally far share their round trip of loads.
 */
export function stagesOf(nodes: readonly TopologyNode[]): readonly (readonly TopologyNode[])[] {
  const passed = new Map<TopologyNode, number>()
  const stages: TopologyNode[][] = []
  for (const node of nodes) {
    // The topic between is the end of one batch and the start of another.
    const before = isRepartition(node) ? 0 : Math.max(0, ...node.inputs.map((input) => passed.get(input) ?? 0))
    const isNext = isStateful(node)
    if (isNext) (stages[before] ??= []).push(node)
    passed.set(node, isNext ? before + 1 : before)
  }
  return stages
}

/** Whether a consumer of a table looks at rows as they were when the batch began. */
export function needsBefore(node: TopologyNode, consumersOf: (table: TopologyNode) => readonly TopologyNode[]): boolean {
  if (node.kind === 'tableFilter') return true
  if (node.kind === 'emit') return node.mode === 'changes'
  if (node.kind === 'sink') return node.keyOf !== undefined || node.headers !== undefined
  return node.kind === 'tableMap' && consumersOf(node).some((consumer) => needsBefore(consumer, consumersOf))
}

/** Whether anybody reads the windows of a top before they are final; `nodes`: of the whole topology. */
export function readsOpenWindows(part: TopologyNode, nodes: readonly TopologyNode[]): boolean {
  const readersOf = (node: TopologyNode) => nodes.filter(({ inputs }) => inputs.includes(node))
  const windows = readersOf(part).flatMap(readersOf)
  return windows.flatMap(readersOf).some((reader) => {
    if (reader.kind === 'windowEmit') return reader.mode !== 'append'
    return reader.kind === 'topPart' && readsOpenWindows(reader, nodes)
  })
}
