/** Compiles a sub-topology for one partition: nodes become closures that call one another, from the sinks back to the inputs. */
import { FatalError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import { DeadLetters } from '../sink/dead-letter.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import { type PrintedBatch, PrintSink } from '../sink/print.ts'
import { topicSink } from '../sink/topic-sink.ts'
import type { Failed, Push } from '../source/push.ts'
import type { StateView } from '../state/state-view.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { AggregateNode, PrintNode, RekeyedNode, RepartitionNode, TopologyNode } from '../topology/node.ts'
import { isRepartition } from '../topology/order.ts'
import type { Plan } from '../topology/plan.ts'
import { Aggregate } from './aggregate.ts'
import { Counts } from './counts.ts'
import type { TaskPipeline } from './pipeline.ts'
import { Policies } from './policies.ts'
import { rekey, repartitionOutput } from './repartition.ts'
import { repartitionInput } from './repartition-input.ts'
import { type Accept, sourceInput } from './source-input.ts'
import { stageOf } from './stage.ts'
import { branch, fanOut, filter, flatMap, map, peek } from './stateless.ts'
import { needsBefore, stagesOf } from './subtopology-facts.ts'
import { emit, tableFilter, tableMap } from './table.ts'

export interface CompileParts {
  readonly partition: number
  readonly plan: Plan
  /** By store. */
  readonly views: ReadonlyMap<string, StateView>
  readonly outputs: OutputBuffer
  readonly metrics: Metrics
  readonly print: (printed: PrintedBatch) => void
}

/** @throws FatalError where `views` lacks a store */
export function compileTask(subtopology: Subtopology, parts: CompileParts): TaskPipeline {
  return new Compiler(subtopology, parts).pipeline()
}

class Compiler {
  readonly #subtopology: Subtopology
  readonly #parts: CompileParts
  readonly #sourceTopics: readonly string[]
  readonly #counts: Counts
  readonly #policies: Policies
  readonly #failed: Failed
  readonly #pushes = new Map<TopologyNode, Push>()
  readonly #aggregates = new Map<AggregateNode, Aggregate>()
  readonly #prints: PrintSink[] = []

  constructor(subtopology: Subtopology, parts: CompileParts) {
    this.#subtopology = subtopology
    this.#parts = parts
    const { graph } = parts.plan
    const { onError, deadLetterTopic } = graph.definition
    this.#sourceTopics = graph.subtopologies.flatMap(({ sourceTopics }) => sourceTopics).toSorted()
    this.#counts = new Counts(parts.metrics)
    const deadLetters = deadLetterTopic === undefined ? undefined : new DeadLetters(deadLetterTopic, parts.outputs)
    const policies = new Policies({ onError, deadLetters, counts: this.#counts })
    this.#policies = policies
    this.#failed = (operator, error, record) => policies.failed(operator, error, record)
  }

  pipeline(): TaskPipeline {
    const inputs = this.#inputs()
    const aggregates = [...this.#aggregates.values()]
    const prints = this.#prints
    const counts = this.#counts
    const nodesByStage = stagesOf(this.#subtopology.nodes)
    const stages = nodesByStage.map((nodes) => stageOf(nodes.flatMap((node) => this.#aggregates.get(node) ?? [])))
    return {
      stages,
      begin({ time }) {
        for (const aggregate of aggregates) aggregate.begin()
        for (const print of prints) print.begin(time)
      },
      accept(slice) {
        const accept = inputs.get(slice.topic)
        if (accept === undefined) throw new FatalError(`Defect in caudal: topic ${slice.topic} is no input of the task.`)
        accept(slice)
      },
      end() {
        for (const print of prints) print.end()
        counts.flush()
      },
    }
  }

  /** By the topic's full name. */
  #inputs(): ReadonlyMap<string, Accept> {
    const { sources, repartitionSources } = this.#subtopology
    const inputs = new Map<string, Accept>()
    for (const node of sources) {
      const accept = sourceInput({ node, policies: this.#policies, failed: this.#failed, next: this.#next(node) })
      for (const { name } of node.topics) if (name !== undefined) inputs.set(name, accept)
    }
    for (const node of repartitionSources) {
      const next = this.#next(node)
      inputs.set(this.#topicOf(node), repartitionInput({ node, sourceTopics: this.#sourceTopics, failed: this.#failed, next }))
    }
    return inputs
  }

  /** Where the records or rows that come out of `node` go, in this sub-topology. */
  #next(node: TopologyNode): Push {
    return fanOut(this.#consumersOf(node).map((consumer) => this.#push(consumer)))
  }

  /** Once for each input that it is: a union of a stream with itself takes each record twice. */
  #consumersOf(node: TopologyNode): readonly TopologyNode[] {
    return this.#subtopology.nodes.flatMap((consumer) => consumer.inputs.filter((input) => input === node).map(() => consumer))
  }

  /** What takes the records or rows that go into `node`: one closure, however many inputs it has. */
  #push(node: TopologyNode): Push {
    const push = this.#pushes.get(node) ?? this.#compile(node)
    this.#pushes.set(node, push)
    return push
  }

  #compile(node: TopologyNode): Push {
    const failed = this.#failed
    switch (node.kind) {
      case 'source':
        throw new FatalError('Defect in caudal: a source has no input.')
      case 'map':
        return map(node, failed, this.#next(node))
      case 'flatMap':
        return flatMap(node, failed, this.#next(node))
      case 'filter':
        return filter(node, failed, this.#next(node))
      case 'peek':
        return peek(node, failed, this.#next(node))
      case 'branch':
        return branch(node, failed, this.#outlets(node))
      case 'union':
      case 'outlet':
        return this.#next(node)
      case 'byKey':
      case 'records':
        return this.#rekeyed(node)
      case 'repartition':
        return this.#repartition(node)
      case 'aggregate':
        return this.#aggregate(node)
      case 'tableMap':
        return tableMap(node, failed, { next: this.#next(node), withBefore: this.#consumersOf(node).some(this.#needsBefore) })
      case 'tableFilter':
        return tableFilter(node, failed, this.#next(node))
      case 'emit':
        return emit(node, this.#next(node))
      case 'sink':
        return topicSink({ node, outputs: this.#parts.outputs, failed })
      case 'print':
        return this.#print(node)
    }
  }

  readonly #needsBefore = (node: TopologyNode): boolean => needsBefore(node, (table) => this.#consumersOf(table))

  #outlets(node: TopologyNode & { readonly kind: 'branch' }): readonly Push[] {
    const outlets = this.#consumersOf(node)
    return Array.from({ length: node.tests.length + 1 }, (_, index) =>
      fanOut(outlets.filter((outlet) => outlet.kind === 'outlet' && outlet.branch === index).map((outlet) => this.#push(outlet))),
    )
  }

  /** A null key has no state: such records end here. */
  #rekeyed(node: RekeyedNode): Push {
    const next = this.#next(node)
    if (node.kind === 'records') return next
    const policies = this.#policies
    return (value, record) => {
      if (record.keyLatin1 === null) policies.skip(record, 'null-key')
      else next(value, record)
    }
  }

  #repartition(node: RepartitionNode): Push {
    const failed = this.#failed
    if (!isRepartition(node)) return rekey(node, failed, this.#next(node))
    const { outputs } = this.#parts
    return repartitionOutput({ node, topic: this.#topicOf(node), sourceTopics: this.#sourceTopics, outputs, failed })
  }

  #aggregate(node: AggregateNode): Push {
    const store = node.stores[0]?.name ?? ''
    const view = this.#parts.views.get(store)
    if (view === undefined) throw new FatalError(`Defect in caudal: the task has no store ${store}.`)
    const isRead = this.#consumersOf(node).length > 0
    const aggregate = new Aggregate({ node, view, failed: this.#failed, next: isRead ? this.#next(node) : undefined })
    this.#aggregates.set(node, aggregate)
    return aggregate.push
  }

  #print(node: PrintNode): Push {
    const sink = `print ${this.#parts.plan.graph.ids.get(node) ?? ''}`
    const print = new PrintSink(sink, { rowsMax: node.rows, deliver: this.#parts.print })
    this.#prints.push(print)
    return print.push
  }

  #topicOf(node: RepartitionNode): string {
    return this.#parts.plan.repartitionTopicOf(node.name ?? '')
  }
}
