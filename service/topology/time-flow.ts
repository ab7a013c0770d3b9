/** Which parts of a topology go by event time: those with windows (but of batches), and those from whose repartition topics such a part reads. */
import { json } from '../codec/json.ts'
import type { StoreSpec, TopologyNode } from './node.ts'
import { holdsFor, type Part, repartitionsTo } from './part-flow.ts'

const goesByTime = (node: TopologyNode): boolean => node.kind === 'window' && node.windows.kind !== 'batches'

/** The names of the repartition topics behind which somebody goes by event time. */
export const timedRepartitions = (parts: readonly Part[]): ReadonlySet<string> => repartitionsTo(parts, goesByTime)

/** Whether the part itself goes by event time, or must tell another of it. */
export const isTimed = (part: Pick<Part, 'nodes' | 'repartitionSinks'>, timed: ReadonlySet<string>): boolean =>
  holdsFor(part, goesByTime, timed)

/**
 * What upstream tasks have said of event time stands in the progress record, so a part that goes by it and has no state of its own gets a
 * store that holds nothing else.
 */
export function timeStore(
  part: Part & { readonly stores: readonly StoreSpec[] },
  timed: ReadonlySet<string>,
): readonly StoreSpec[] {
  const [source] = part.repartitionSources
  if (source === undefined || part.stores.length > 0 || !isTimed(part, timed)) return []
  return [Object.freeze({ name: `time-of-${source.name}`, shape: 'keyed', codec: json() })]
}
