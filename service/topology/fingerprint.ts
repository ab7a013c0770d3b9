/** What two members of a group must agree on to share tasks and stores. */
import { createHash } from 'node:crypto'
import type { Graph } from './graph.ts'
import type { StoreSpec } from './node.ts'

/**
 * 16 hex digits over what each sub-topology reads (source topics, repartition names) and keeps (name, shape, codec of its stores, kind and
 * sizes of their windows). Functions, stateless steps, sinks, lateness and grace are no part of it, so they may change while other members
 * still run the old ones.
 */
export function fingerprint(graph: Graph): string {
  const facts = graph.subtopologies.map(({ sourceTopics, repartitionNames, stores }) => [
    sourceTopics,
    repartitionNames,
    stores.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(factsOf),
  ])
  return digest(facts)
}

/** 16 hex digits over what decides how the state of a store is read. */
export const storeFingerprint = (store: StoreSpec): string => digest(factsOf(store))

const factsOf = ({ name, shape, codec, layout }: StoreSpec): readonly string[] => [
  name,
  shape,
  codec.name,
  ...(layout === undefined ? [] : [layout]),
]

const digest = (facts: unknown): string => createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)
