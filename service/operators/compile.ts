/** Compiles a sub-topology for one partition: nodes become closures that call one another, from the sinks back to the inputs. */
import { FatalError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import { DeadLetters } from '../sink/dead-letter.ts'
import type { OutputBuffer } from '../sink/output-buffer.ts'
import { type PrintedBatch, PrintSink } from '../sink/print.ts'
import { topicSink } from '../sink/topic-sink.ts'
import type { Failed, Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { StateView } from '../state/state-view.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { SlotClock } from '../time/slot-clock.ts'
import type { TaskClock } from '../time/task-clock.ts'
import { upstreamId } from '../time/task-time.ts'
import type { Watermark } from '../time/watermark.ts'
import type {
  AggregateNode,
  EmitNode,
  LookupNode,
  PrintNode,
  RekeyedNode,
  RepartitionNode,
  StaticTable,
  TableRows,
  TopologyNode,
  TopPartNode,
  WindowEmitNode,
  WindowNode,
  WindowSideNode,
  WithTimeNode,
} from '../topology/node.ts'
import { isRepartition } from '../topology/order.ts'
import type { Plan } from '../topology/plan.ts'
import { hasBatchWindows } from '../topology/slot-flow.ts'
import { Aggregate } from './aggregate.ts'
import type { AllRows } from './all-rows.ts'
import { CompleteEmit } from './complete-emit.ts'
import { Counts } from './counts.ts'
import { HeldRows } from './held-rows.ts'
import type { KeyKinds } from './key-kinds.ts'
import { NodeWatermarks } from './node-watermarks.ts'
import type { TaskPipeline } from './pipeline.ts'
import { Policies } from './policies.ts'
import { eventTime } from './record-time.ts'
import { rekey, repartitionOutput } from './repartition.ts'
import { type RepartitionInputParts, repartitionInput } from './repartition-input.ts'
import { type Accept, type SourceParts, sourceInput } from './source-input.ts'
import { stageOf } from './stage.ts'
import type { StatefulOperator } from './stateful.ts'
import { branch, fanOut, filter, flatMap, lookup, map, peek } from './stateless.ts'
import { needsBefore, readsOpenWindows, stagesOf } from './subtopology-facts.ts'
import { emit, tableFilter, tableMap } from './table.ts'
import { TableTop } from './table-top.ts'
import { windowOperator } from './window-operator.ts'
import { WindowTop } from './window-top.ts'
import { withTime } from './with-time.ts'

/** Of static tables, their rows. */
export type Tables = ReadonlyMap<StaticTable, TableRows>

export interface CompileParts {
  readonly partition: number
  readonly plan: Plan
  /** By store. */
  readonly views: ReadonlyMap<string, StateView>
  /** The rows of every static table. */
  readonly tables: Tables
  readonly outputs: OutputBuffer
  readonly metrics: Metrics
  readonly print: (printed: PrintedBatch) => void
  readonly keyKinds: KeyKinds
  /** Null where nobody goes by event time, here or downstream. */
  readonly time: TaskClock | null
  /** Absent where nobody goes by slots, here or downstream. */
  readonly slots?: SlotClock | undefined
}

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
  readonly #rows: HeldRows
  /** Of the tops per window that read windows before they are final: what takes changes. Filled as what takes final rows is compiled. */
  readonly #changed = new Map<TopologyNode, Push>()
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
    this.#rows = new HeldRows(this.#failed)
  }

  pipeline(): TaskPipeline {
    const inputs = this.#inputs()
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

  /** By the topic's full name. */
  #inputs(): ReadonlyMap<string, Accept> {
    const { sources, repartitionSources } = this.#subtopology
    const inputs = new Map<string, Accept>()
    for (const node of sources) {
      const accept = sourceInput({
        node,
        policies: this.#policies,
        failed: this.#failed,
        next: this.#next(node),
        ...this.#sourceTime(),
      })
      for (const { name } of node.topics) if (name !== undefined) inputs.set(name, accept)
    }
    for (const node of repartitionSources) {
      const next = this.#next(node)
      const { keyKinds } = this.#parts
      const common = { node, sourceTopics: this.#sourceTopics, failed: this.#failed, next, keyKinds }
      inputs.set(this.#topicOf(node), repartitionInput({ ...common, ...this.#upstreamTime(node.name) }))
    }
    return inputs
  }

  #sourceTime(): Pick<SourceParts, 'time'> {
    const { time } = this.#parts
    return time === null ? {} : { time: { of: time.sourceOf, now: () => this.#now } }
  }

  #upstreamTime(repartition: string): Pick<RepartitionInputParts, 'heard'> {
    const { time } = this.#parts
    return time === null ? {} : { heard: (upstream, report) => time.task.heard(upstreamId(repartition, upstream), report) }
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
        return this.#aggregate(node)
      case 'tableMap':
        return tableMap(node, failed, { next: this.#next(node), withBefore: this.#consumersOf(node).some(this.#needsBefore) })
      case 'tableFilter':
        return tableFilter(node, failed, this.#next(node))
      case 'window':
        return this.#window(node)
      case 'windowEmit':
        return node.mode === 'complete' ? this.#complete(node) : this.#next(node)
      case 'late':
      case 'outside':
        return this.#next(node)
      case 'emit':
        return node.mode === 'complete' ? this.#complete(node) : emit(node, this.#next(node))
      case 'topPart':
        return this.#top(node)
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

  #aggregate(node: AggregateNode): Push {
    const isRead = this.#consumersOf(node).length > 0
    const next = isRead ? this.#next(node) : undefined
    const parts = { node, view: this.#viewOf(node), input: this.#watermarks.into(node), failed: this.#failed, next }
    return this.#holder(node, new Aggregate(parts))
  }

  #window(node: WindowNode): Push {
    const { slots, plan } = this.#parts
    const { trigger } = plan.graph.definition
    const goesBySlots = hasBatchWindows(node) && slots !== undefined
    const parts = {
      node,
      view: this.#viewOf(node),
      input: goesBySlots ? slots : this.#watermarks.into(node),
      time: eventTime,
      everyMs: trigger === 'continuous' ? null : trigger.everyMs,
      failed: this.#failed,
      outlets: {
        append: this.#outlet(node, 'append'),
        update: this.#outlet(node, 'update'),
        changes: this.#changes(node),
        late: this.#outlet(node, 'late'),
        outside: this.#outlet(node, 'outside'),
        closed: (count: number, end: number) => this.#counts.closed(node.stores[0]?.name ?? '', count, end),
      },
      keys: () => this.#parts.keyKinds.decoderOf(node),
      late: (record: StreamRecord, windows: 'all' | 'some') => this.#policies.late(record, windows),
      outside: (record: StreamRecord) => this.#policies.outside(record),
    }
    const push = this.#holder(node, windowOperator(parts))
    if (!goesBySlots) return push
    return (value, record) => {
      slots.see(record.slot)
      push(value, record)
    }
  }

  #complete(node: EmitNode | WindowEmitNode): Push {
    const parts = { rows: this.#rows.into(node), input: this.#watermarks.into(node), next: this.#next(node) }
    return this.#operator(node, new CompleteEmit(parts))
  }

  #top(node: TopPartNode): Push {
    const rows = this.#rows.into(node)
    const parts = { node, partition: this.#parts.partition, rows, input: this.#watermarks.into(node), next: this.#next(node) }
    if (node.inputs[0]?.kind !== 'window') return this.#operator(node, new TableTop(parts))
    const top = new WindowTop(parts)
    if (readsOpenWindows(node, this.#parts.plan.graph.nodes)) this.#changed.set(node, top.changed)
    return this.#operator(node, top)
  }

  #holder(node: TopologyNode, operator: StatefulOperator & AllRows): Push {
    this.#rows.add(node, operator)
    return this.#operator(node, operator)
  }

  #operator(node: TopologyNode, operator: StatefulOperator): Push {
    this.#operators.set(node, operator)
    return operator.push
  }

  /** Those who read each change of a window operator's open windows; undefined where nobody does. */
  #changes(node: WindowNode): Push | undefined {
    const complete = this.#outlet(node, 'complete') ?? []
    const tops = this.#consumersOf(node).flatMap((consumer) => this.#changed.get(consumer) ?? [])
    const readers = [complete, ...tops].flat()
    return readers.length === 0 ? undefined : fanOut(readers)
  }

  /** Those who read one side of a window operator; undefined where nobody does. */
  #outlet(node: WindowNode, side: WindowEmitNode['mode'] | WindowSideNode['kind']): Push | undefined {
    const sideOf = (consumer: TopologyNode) => {
      if (consumer.kind === 'topPart') return 'append'
      return consumer.kind === 'windowEmit' ? consumer.mode : consumer.kind
    }
    const readers = this.#consumersOf(node).filter((consumer) => sideOf(consumer) === side)
    return readers.length === 0 ? undefined : fanOut(readers.map((reader) => this.#push(reader)))
  }

  #viewOf(node: TopologyNode): StateView {
    const store = node.stores[0]?.name ?? ''
    const view = this.#parts.views.get(store)
    if (view === undefined) throw new FatalError(`Defect in caudal: the task has no store ${store}.`)
    return view
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
