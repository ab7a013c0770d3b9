/** The topics of a topology, by what they are to it. */
import { graphOf } from '../topology/graph.ts'
import { changelogTopic, repartitionTopic } from '../topology/names.ts'
import type { TopologyDefinition } from '../topology/node.ts'
import { requiredTopics } from '../topology/plan.ts'

export interface TopologyTopics {
  readonly sources: readonly string[]
  /** Dead letters included. Those that a function of the record names are not known. */
  readonly sinks: readonly string[]
  /** All that must exist before it starts. */
  readonly required: readonly string[]
  /** Changelogs and repartition topics, which it keeps for itself. */
  readonly internal: ReadonlySet<string>
}

export function topicsOf(definition: TopologyDefinition, application: string): TopologyTopics {
  const graph = graphOf(definition)
  const sources = new Set(graph.subtopologies.flatMap(({ sourceTopics }) => sourceTopics))
  const written = new Set(
    graph.nodes.flatMap(({ topics }) => topics.flatMap(({ role, name }) => (role === 'sink' ? (name ?? []) : []))),
  )
  const required = requiredTopics(graph)
  return {
    sources: [...sources],
    sinks: required.filter((topic) => written.has(topic) || !sources.has(topic)),
    required,
    internal: new Set([
      ...graph.stores.map(({ name }) => changelogTopic(application, name)),
      ...graph.repartitions.map(({ name }) => repartitionTopic(application, name)),
    ]),
  }
}
