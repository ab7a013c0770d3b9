/** What holds for parts of a topology, and so for those that feed them through repartition topics. */
import type { TopologyNode } from './node.ts'

export interface Part {
  readonly nodes: readonly TopologyNode[]
  readonly repartitionSources: readonly { readonly name: string }[]
  readonly repartitionSinks: readonly { readonly name: string }[]
}

/** Whether it holds for the part itself, or for one behind its repartition topics: `found` are those of them that lead to such a part. */
export const holdsFor = (
  { nodes, repartitionSinks }: Pick<Part, 'nodes' | 'repartitionSinks'>,
  holds: (node: TopologyNode) => boolean,
  found: ReadonlySet<string>,
): boolean => nodes.some(holds) || repartitionSinks.some(({ name }) => found.has(name))

/** The names of the repartition topics from which a part reads for which it holds. */
export function repartitionsTo(parts: readonly Part[], holds: (node: TopologyNode) => boolean): ReadonlySet<string> {
  const found = new Set<string>()
  for (let before = -1; before < found.size; ) {
    before = found.size
    for (const part of parts) if (holdsFor(part, holds, found)) for (const { name } of part.repartitionSources) found.add(name)
  }
  return found
}
