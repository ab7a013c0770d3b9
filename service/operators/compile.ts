/** Compiles a sub-topology for one partition: nodes become closures that call one another, from the sinks back to the inputs. */
import { FatalError } from '../errors.ts'
import { DeadLetters } from '../sink/dead-letter.ts'
import { PrintSink } from '../sink/print.ts'
import { topicSink } from '../sink/topic-sink.ts'
import type { Failed, Push } from '../source/push.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { Watermark } from '../time/watermark.ts'
import type {
  LookupNode,
  PrintNode,
  RekeyedNode,
  RepartitionNode,
  TableRows,
  TopologyNode,
  WithTimeNode,
} from '../topology/node.ts'
import { isRepartition } from '../topology/order.ts'
import type { CompileParts } from './compile-parts.ts'
import { StatefulCompiler } from './compile-stateful.ts'
import { Counts } from './counts.ts'
import { NodeWatermarks } from './node-watermarks.ts'
import type { TaskPipeline } from './pipeline.ts'
import { Policies } from './policies.ts'
import { taskPreparation } from './preparation.ts'
import { rekey, repartitionOutput } from './repartition.ts'
import { stageOf } from './stage.ts'
import type { StatefulOperator } from './stateful.ts'
import { branch, fanOut, filter, flatMap, lookup, map, peek } from './stateless.ts'
import { needsBefore, stagesOf } from './subtopology-facts.ts'
import { emit, tableFilter, tableMap } from './table.ts'
import { taskInputs } from './task-inputs.ts'
import { withTime } from './with-time.ts'

/** @throws FatalError where `views` lacks a store, or `tables` a table */
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
  readonly #operators = new Map<TopologyNode, StatefulOperator>()
  readonly #stateful: StatefulCompiler
  readonly #watermarks: NodeWatermarks
  readonly #prints: PrintSink[] = []
  /** Wall clock at the cut, ms. */
  #now = 0

  constructor(subtopology: Subtopology, parts: CompileParts) {
    this.#subtopology = subtopology
    this.#parts = parts
    const { graph } = parts.plan
    const { onError, deadLetterTopic } = graph.definition
    this.#sourceTopics = graph.subtopologies.flatMap(({ sourceTopics }) => sourceTopics).toSorted()
    this.#counts = new Counts(parts.metrics, parts.partition)
    const deadLetters = deadLetterTopic === undefined ? undefined : new DeadLetters(deadLetterTopic, parts.outputs)
    const policies = new Policies({ onError, deadLetters, counts: this.#counts })
    this.#policies = policies
    this.#watermarks = new NodeWatermarks(subtopology, parts.time, this.#operators)
    this.#failed = (operator, error, record) => policies.failed(operator, error, record)
    const flow = {
      consumersOf: (node: TopologyNode) => this.#consumersOf(node),
      push: (node: TopologyNode) => this.#push(node),
      next: (node: TopologyNode) => this.#next(node),
    }
    this.#stateful = new StatefulCompiler({
      flow,
      task: parts,
      operators: this.#operators,
      watermarks: this.#watermarks,
      policies,
      counts: this.#counts,
      failed: this.#failed,
    })
  }

  pipeline(): TaskPipeline {
    const inputs = taskInputs(this.#subtopology, {
      task: this.#parts,
      sourceTopics: this.#sourceTopics,
      policies: this.#policies,
      failed: this.#failed,
      next: (node) => this.#next(node),
      now: () => this.#now,
    })
    const operators = [...this.#operators.values()]
    const prints = this.#prints
    const counts = this.#counts
    const nodesByStage = stagesOf(this.#subtopology.nodes)
    const stages = nodesByStage.map((nodes) => stageOf(nodes.flatMap((node) => this.#operators.get(node) ?? [])))
    return {
      stages,
      downstream: this.#downstream(),
      get isDue() {
        return operators.some((operator) => operator.isDue)
      },
      prepare: taskPreparation(this.#subtopology, this.#parts.plan),
      begin: ({ time }) => {
        this.#now = time
        for (const operator of operators) operator.begin()
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

  /** For each repartition topic that a timed sub-topology reads. */
  #downstream(): ReadonlyMap<string, Watermark> {
    const { time } = this.#parts
    const sinks = time === null ? [] : this.#subtopology.repartitionSinks.filter(({ name }) => time.isTimed(name))
    return new Map(sinks.map((node) => [this.#topicOf(node), this.#watermarks.into(node)]))
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
      case 'lookup':
        return lookup(node, this.#rowsOf(node), { failed, next: this.#next(node) })
      case 'withTime':
        return this.#withTime(node)
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
        return this.#stateful.aggregate(node)
      case 'tableMap':
        return tableMap(node, failed, { next: this.#next(node), withBefore: this.#consumersOf(node).some(this.#needsBefore) })
      case 'tableFilter':
        return tableFilter(node, failed, this.#next(node))
      case 'window':
        return this.#stateful.window(node)
      case 'windowEmit':
        return node.mode === 'complete' ? this.#stateful.complete(node) : this.#next(node)
      case 'late':
      case 'outside':
        return this.#next(node)
      case 'emit':
        return node.mode === 'complete' ? this.#stateful.complete(node) : emit(node, this.#next(node))
      case 'topPart':
        return this.#stateful.top(node)
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

  #withTime(node: WithTimeNode): Push {
    const { time } = this.#parts
    const own =
      time === null ? {} : { time: { behind: time.behind(this.#subtopology.withTimes.indexOf(node)), now: () => this.#now } }
    return withTime({ node, policies: this.#policies, failed: this.#failed, next: this.#next(node), ...own })
  }

  #repartition(node: RepartitionNode): Push {
    const failed = this.#failed
    const { outputs, keyKinds } = this.#parts
    if (!isRepartition(node)) return rekey(node, { failed, next: this.#next(node), keyKinds })
    const { slots, plan } = this.#parts
    const slot = plan.graph.slottedRepartitions.has(node.name ?? '') ? slots : undefined
    return repartitionOutput({ node, topic: this.#topicOf(node), sourceTopics: this.#sourceTopics, outputs, failed, slot })
  }

  #rowsOf({ table }: LookupNode): TableRows {
    const rows = this.#parts.tables.get(table)
    if (rows === undefined) throw new FatalError(`Defect in caudal: the table ${table.source} was not read.`)
    return rows
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
