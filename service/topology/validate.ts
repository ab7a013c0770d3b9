/** What is wrong with a topology as a whole; what one call can see is refused by that call. */
import { ConfigurationError } from '../errors.ts'
import type { SourceNode, TopologyDefinition, TopologyNode, WithTimeNode } from './node.ts'
import { isRepartition, isSource, repartitionName, storesDownstream, topologicalOrder } from './order.ts'
import { sourceDifferences } from './resolve.ts'
import { hasBatchWindows } from './slot-flow.ts'

/** @throws ConfigurationError with every defect, where there is one. */
export function assertValid(definition: TopologyDefinition): void {
  const order = topologicalOrder(definition.sinks)
  const defects = [
    ...sourceDefects(order.filter(isSource)),
    ...storeDefects(order),
    ...repartitionDefects(order),
    ...timeDefects(order),
    ...loopDefects(order, definition),
    ...policyDefects(order.filter(isSource), definition),
    ...triggerDefects(order, definition),
  ]
  if (defects.length > 0) throw new ConfigurationError(defects)
}

function sourceDefects(sources: readonly SourceNode[]): readonly string[] {
  const firsts = new Map<string | undefined, SourceNode>()
  return sources.flatMap((source) => {
    const topic = source.topics[0]?.name
    const first = firsts.get(topic) ?? source
    firsts.set(topic, first)
    const differences = sourceDifferences(first, source)
    if (differences.length === 0) return []
    return `Topic '${topic}' is read twice, with different options (${differences.join(', ')}): a topic is read once. Make one stream of it and use that twice.`
  })
}

function storeDefects(order: readonly TopologyNode[]): readonly string[] {
  const names = order.flatMap((node) => node.stores.map((store) => store.name))
  return repeated(names).map(
    (name) => `Two stores are named '${name}': each needs a name of its own, as they would share a changelog.`,
  )
}

function repartitionDefects(order: readonly TopologyNode[]): readonly string[] {
  const downstream = storesDownstream(order)
  const names: string[] = []
  const unnamed: string[] = []
  for (const node of order.filter(isRepartition)) {
    const stores = downstream.get(node)
    const name = repartitionName(node, stores)
    if (name !== undefined) names.push(name)
    else
      unnamed.push(
        unnamedSentence(
          node.label ?? node.kind,
          [...(stores ?? [])].map((store) => store.name),
        ),
      )
  }
  const twice = repeated(names).map(
    (name) =>
      `Two repartition topics are named '${name}': give each keyBy or global a \`name\` of its own, as they would share a topic.`,
  )
  return [...unnamed, ...twice]
}

function unnamedSentence(step: string, stores: readonly string[]): string {
  const found =
    stores.length === 0 ? 'has no store downstream' : `has ${stores.length} stores downstream (${stores.toSorted().join(', ')})`
  return `A ${step} needs a \`name\` for its repartition topic: it is named after the one store downstream, and this one ${found}.`
}

/** The watermark of a source partition ends where records of several partitions meet: at a repartition topic, and in a state. */
function timeDefects(order: readonly TopologyNode[]): readonly string[] {
  const isBarrier = (node: TopologyNode) => isRepartition(node) || node.stores.length > 0
  return order
    .filter((node): node is WithTimeNode => node.kind === 'withTime')
    .flatMap((node) => topologicalOrder(node.inputs).find(isBarrier) ?? [])
    .map((barrier) => {
      const step = barrier.label ?? ('function' in barrier ? barrier.function : barrier.kind)
      const what = barrier.name === undefined ? `a ${step}` : `${step} '${barrier.name}'`
      return `A withTime stands behind ${what}, where the watermarks of the source partitions have become one: put withTime before the ${step}.`
    })
}

function loopDefects(order: readonly TopologyNode[], definition: TopologyDefinition): readonly string[] {
  const topics = order.flatMap((node) => node.topics)
  const sources = new Set(topics.filter((topic) => topic.role === 'source').map((topic) => topic.name))
  const sinks = new Set(topics.filter((topic) => topic.role === 'sink' && sources.has(topic.name)).map((topic) => topic.name))
  const defects = [...sinks].map(
    (topic) =>
      `Topic '${topic}' is both read and written: the topology would read its own output, again and again. Write to another topic.`,
  )
  const { deadLetterTopic } = definition
  if (deadLetterTopic !== undefined && sources.has(deadLetterTopic))
    defects.push(
      `Topic '${deadLetterTopic}' is both read and the dead-letter topic: a bad record would come back for ever. Choose another topic.`,
    )
  return defects
}

function policyDefects(sources: readonly SourceNode[], definition: TopologyDefinition): readonly string[] {
  if (definition.deadLetterTopic !== undefined) return []
  const defects = sources
    .filter((source) => source.onInvalid === 'dead-letter')
    .map(
      (source) =>
        `The stream of '${source.topics[0]?.name}' has onInvalid 'dead-letter', and the topology has no \`deadLetterTopic\`.`,
    )
  if (definition.onError === 'dead-letter') defects.push("The topology has onError 'dead-letter' and no `deadLetterTopic`.")
  return [...new Set(defects)]
}

function triggerDefects(order: readonly TopologyNode[], { trigger }: TopologyDefinition): readonly string[] {
  const names = order.filter(hasBatchWindows).map(({ name }) => `'${name}'`)
  if (names.length === 0) return []
  const what = `The windows of ${names.join(', ')} are counted in batches, and the topology has`
  if (trigger === 'continuous')
    return [`${what} the trigger 'continuous', which makes batches as data comes: give it a trigger { every }.`]
  if (Number.isSafeInteger(trigger.everyMs)) return []
  return [`${what} a trigger.every of ${trigger.everyMs} ms: give it a whole number of milliseconds.`]
}

const repeated = (names: readonly string[]): readonly string[] => [...new Set(names.filter((name, i) => names.indexOf(name) < i))]
