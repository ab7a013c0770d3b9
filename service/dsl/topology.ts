/** A topology: frozen data, made of sinks and what they are reached from. */
import { type Duration, durationMs } from '../duration.ts'
import { ConfigurationError } from '../errors.ts'
import { describe } from '../topology/describe.ts'
import { graphOf } from '../topology/graph.ts'
import type { Policy, TopologyDefinition } from '../topology/node.ts'
import { assertValid } from '../topology/validate.ts'
import { check, checkedChoice, checkedName, checkedTopic } from './checks.ts'
import { nodeOf } from './facade.ts'
import type { brand, Sink } from './types.ts'

export type TopologyOptions = {
  /** Micro-batches at an interval (default 100 ms), or as soon as there is data. */
  readonly trigger?: { readonly every: Duration } | 'continuous'
} & (
  | {
      /** What a record gets when code of the topology throws on it, at the operator that threw. Default `'stop'`. */
      readonly onError?: 'stop' | 'skip'
      readonly deadLetterTopic?: string
    }
  | { readonly onError: 'dead-letter'; readonly deadLetterTopic: string }
)

export interface Topology {
  readonly [brand]: 'topology'
  readonly name: string
  /** Sub-topologies, steps, stores and topics as text. */
  describe(): string
}

const definitionKey: unique symbol = Symbol('caudal.definition')

/** @throws ConfigurationError with every defect of the topology as a whole. */
export function topology(name: string, sinks: Sink | readonly [Sink, ...Sink[]], options: TopologyOptions = {}): Topology {
  const definition = definitionFrom(checkedName('a topology', name), [sinks].flat() as readonly Sink[], options)
  assertValid(definition)
  const made = { name, describe: () => describe(graphOf(definition), name), [definitionKey]: definition }
  return Object.freeze(made) as unknown as Topology
}

/** The definition that `topology` carries. @throws ConfigurationError for what topology() did not make. */
export function definitionOf(topology: Topology): TopologyDefinition {
  const definition = (topology as { readonly [definitionKey]?: TopologyDefinition } | null | undefined)?.[definitionKey]
  if (definition !== undefined) return definition
  throw new ConfigurationError(['A topology was expected, made by topology() of this copy of caudal.'])
}

function definitionFrom(name: string, sinks: readonly Sink[], options: TopologyOptions): TopologyDefinition {
  const { onError = 'stop', deadLetterTopic } = options
  const nodes = [...new Set(sinks.map(nodeOf))]
  check(nodes.length > 0, `Topology '${name}' has no sink: end a stream with to() or print().`)
  check(
    nodes.every((node) => node.kind === 'sink' || node.kind === 'print'),
    `Topology '${name}' was given a stream or a table where a sink belongs: end it with to() or print().`,
  )
  return Object.freeze({
    name,
    sinks: Object.freeze(nodes),
    trigger: triggerFrom(options.trigger),
    guarantee: 'exactly-once',
    onError: checkedChoice<Policy>(`onError of '${name}'`, onError, ['stop', 'skip', 'dead-letter']),
    deadLetterTopic: deadLetterTopic === undefined ? undefined : checkedTopic('deadLetterTopic', deadLetterTopic),
  })
}

function triggerFrom(trigger: TopologyOptions['trigger'] = { every: 100 }): TopologyDefinition['trigger'] {
  if (typeof trigger === 'string') return checkedChoice<'continuous'>('trigger', trigger, ['continuous'])
  const everyMs = durationMs(trigger.every, 'trigger.every')
  check(everyMs > 0, "trigger.every is 0: for batches as soon as there is data, give the trigger 'continuous'.")
  return Object.freeze({ everyMs })
}
