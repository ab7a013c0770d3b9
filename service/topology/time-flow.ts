/** Which parts of a topology go by event time: those with windows (but of batches), and those from whose repartition topics such a part reads. */
import type { StoreSpec, TopologyNode } from './node.ts'
import { json } from '../codec/json.ts'

interface Part {
  readonly nodes: readonly TopologyNode[]
  readonly repartitionSources: readonly { readonly name: string }[]
  readonly repartitionSinks: readonly { readonly name: string }[]
  readonly stores: readonly StoreSpec[]
}

/** The names of the repartition topics behind which somebody goes by event time. */
export function timedRepartitions(parts: readonly Part[]): ReadonlySet<string> {
  const timed = new Set<string>()
  for (let before = -1; before < timed.size; ) {
    before = timed.size
    for (const part of parts) if (isTimed(part, timed)) for (const { name } of part.repartitionSources) timed.add(name)
  }
  return timed
}

/** Whether the part itself goes by event time, or must tell another of it. */
export const isTimed = (
  { nodes, repartitionSinks }: Pick<Part, 'nodes' | 'repartitionSinks'>,
  timed: ReadonlySet<string>,
): boolean =>
  nodes.some((node) => node.kind === 'window' && node.windows.kind !== 'batches') ||
  repartitionSinks.some(({ name }) => timed.has(name))

/**
 * What upstream tasks have said of event time stands in the progress record, so a part that goes by it and has no state of its own gets a
 * store that holds nothing else.
 */
export function timeStore(part: Part, timed: ReadonlySet<string>): readonly StoreSpec[] {
  const [source] = part.repartitionSources
  if (source === undefined || part.stores.length > 0 || !isTimed(part, timed)) return []
  return [Object.freeze({ name: `time-of-${source.name}`, shape: 'keyed', codec: json() })]
}
