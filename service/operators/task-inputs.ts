/** Where the records of a task come in: its source topics and the repartition topics that it reads. */
import type { Failed, Push } from '../source/push.ts'
import { upstreamId } from '../time/task-time.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { TopologyNode } from '../topology/node.ts'
import type { CompileParts } from './compile-parts.ts'
import type { Policies } from './policies.ts'
import { type RepartitionInputParts, repartitionInput } from './repartition-input.ts'
import { type Accept, type SourceParts, sourceInput } from './source-input.ts'

export interface TaskInputsParts {
  readonly task: Pick<CompileParts, 'plan' | 'keyKinds' | 'time'>
  /** The topology's source topics, sorted. */
  readonly sourceTopics: readonly string[]
  readonly policies: Policies
  readonly failed: Failed
  /** Where the records of an input go. */
  readonly next: (node: TopologyNode) => Push
  /** Wall clock at the cut, ms. */
  readonly now: () => number
}

/** By the topic's full name. */
export function taskInputs({ sources, repartitionSources }: Subtopology, parts: TaskInputsParts): ReadonlyMap<string, Accept> {
  const { task, sourceTopics, policies, failed, next } = parts
  const { plan, keyKinds } = task
  const inputs = new Map<string, Accept>()
  for (const node of sources) {
    const accept = sourceInput({ node, policies, failed, next: next(node), ...sourceTime(parts) })
    for (const { name } of node.topics) if (name !== undefined) inputs.set(name, accept)
  }
  for (const node of repartitionSources) {
    const common = { node, sourceTopics, failed, next: next(node), keyKinds }
    inputs.set(plan.repartitionTopicOf(node.name), repartitionInput({ ...common, ...upstreamTime(parts, node.name) }))
  }
  return inputs
}

function sourceTime({ task: { time }, now }: TaskInputsParts): Pick<SourceParts, 'time'> {
  return time === null ? {} : { time: { of: time.sourceOf, now } }
}

function upstreamTime({ task: { time } }: TaskInputsParts, repartition: string): Pick<RepartitionInputParts, 'heard'> {
  return time === null ? {} : { heard: (upstream, report) => time.task.heard(upstreamId(repartition, upstream), report) }
}
