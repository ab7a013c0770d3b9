/** Compiles the nodes that hold state, and those that read the state of others: to operators, which the stages load and run. */
import { FatalError } from '../errors.ts'
import type { Failed, Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { StateView } from '../state/state-view.ts'
import type {
  AggregateNode,
  EmitNode,
  TopologyNode,
  TopPartNode,
  WindowEmitNode,
  WindowNode,
  WindowSideNode,
} from '../topology/node.ts'
import { hasBatchWindows } from '../topology/slot-flow.ts'
import { Aggregate } from './aggregate.ts'
import type { AllRows } from './all-rows.ts'
import type { CompileParts } from './compile-parts.ts'
import { CompleteEmit } from './complete-emit.ts'
import type { Counts } from './counts.ts'
import { HeldRows } from './held-rows.ts'
import type { NodeWatermarks } from './node-watermarks.ts'
import type { Policies } from './policies.ts'
import { eventTime } from './record-time.ts'
import type { StatefulOperator } from './stateful.ts'
import { fanOut } from './stateless.ts'
import { readsOpenWindows } from './subtopology-facts.ts'
import { TableTop } from './table-top.ts'
import { windowOperator } from './window-operator.ts'
import { WindowTop } from './window-top.ts'

/** How nodes hang together: what the compiler of all nodes offers to that of some. */
export interface Flow {
  readonly consumersOf: (node: TopologyNode) => readonly TopologyNode[]
  /** What takes the records or rows that go into a node. */
  readonly push: (node: TopologyNode) => Push
  /** Where those go that come out of it. */
  readonly next: (node: TopologyNode) => Push
}

export interface StatefulParts {
  readonly flow: Flow
  readonly task: Pick<CompileParts, 'partition' | 'plan' | 'views' | 'keyKinds' | 'slots'>
  /** Filled as nodes are compiled. */
  readonly operators: Map<TopologyNode, StatefulOperator>
  readonly watermarks: NodeWatermarks
  readonly policies: Policies
  readonly counts: Counts
  readonly failed: Failed
}

export class StatefulCompiler {
  readonly #parts: StatefulParts
  readonly #flow: Flow
  readonly #rows: HeldRows
  /** Of the tops per window that read windows before they are final: what takes changes. Filled as what takes final rows is compiled. */
  readonly #changed = new Map<TopologyNode, Push>()

  constructor(parts: StatefulParts) {
    this.#parts = parts
    this.#flow = parts.flow
    this.#rows = new HeldRows(parts.failed)
  }

  aggregate(node: AggregateNode): Push {
    const isRead = this.#flow.consumersOf(node).length > 0
    const next = isRead ? this.#flow.next(node) : undefined
    const { watermarks, failed } = this.#parts
    const parts = { node, view: this.#viewOf(node), input: watermarks.into(node), failed, next }
    return this.#holder(node, new Aggregate(parts))
  }

  window(node: WindowNode): Push {
    const { task, watermarks, failed, policies, counts } = this.#parts
    const { slots, plan, keyKinds } = task
    const { trigger } = plan.graph.definition
    const goesBySlots = hasBatchWindows(node) && slots !== undefined
    const parts = {
      node,
      view: this.#viewOf(node),
      input: goesBySlots ? slots : watermarks.into(node),
      time: eventTime,
      everyMs: trigger === 'continuous' ? null : trigger.everyMs,
      failed,
      outlets: {
        append: this.#outlet(node, 'append'),
        update: this.#outlet(node, 'update'),
        changes: this.#changes(node),
        late: this.#outlet(node, 'late'),
        outside: this.#outlet(node, 'outside'),
        closed: (count: number, end: number) => counts.closed(node.stores[0]?.name ?? '', count, end),
      },
      keys: () => keyKinds.decoderOf(node),
      late: (record: StreamRecord, windows: 'all' | 'some') => policies.late(record, windows),
      outside: (record: StreamRecord) => policies.outside(record),
    }
    const push = this.#holder(node, windowOperator(parts))
    if (!goesBySlots) return push
    return (value, record) => {
      slots.see(record.slot)
      push(value, record)
    }
  }

  complete(node: EmitNode | WindowEmitNode): Push {
    const parts = { rows: this.#rows.into(node), input: this.#parts.watermarks.into(node), next: this.#flow.next(node) }
    return this.#operator(node, new CompleteEmit(parts))
  }

  top(node: TopPartNode): Push {
    const { task, watermarks } = this.#parts
    const { partition, plan } = task
    const rows = this.#rows.into(node)
    const parts = { node, partition, rows, input: watermarks.into(node), next: this.#flow.next(node) }
    if (node.inputs[0]?.kind !== 'window') return this.#operator(node, new TableTop(parts))
    const top = new WindowTop(parts)
    if (readsOpenWindows(node, plan.graph.nodes)) this.#changed.set(node, top.changed)
    return this.#operator(node, top)
  }

  #holder(node: TopologyNode, operator: StatefulOperator & AllRows): Push {
    this.#rows.add(node, operator)
    return this.#operator(node, operator)
  }

  #operator(node: TopologyNode, operator: StatefulOperator): Push {
    this.#parts.operators.set(node, operator)
    return operator.push
  }

  /** Those who read each change of a window operator's open windows; undefined where nobody does. */
  #changes(node: WindowNode): Push | undefined {
    const complete = this.#outlet(node, 'complete') ?? []
    const tops = this.#flow.consumersOf(node).flatMap((consumer) => this.#changed.get(consumer) ?? [])
    const readers = [complete, ...tops].flat()
    return readers.length === 0 ? undefined : fanOut(readers)
  }

  /** Those who read one side of a window operator; undefined where nobody does. */
  #outlet(node: WindowNode, side: WindowEmitNode['mode'] | WindowSideNode['kind']): Push | undefined {
    const sideOf = (consumer: TopologyNode) => {
      if (consumer.kind === 'topPart') return 'append'
      return consumer.kind === 'windowEmit' ? consumer.mode : consumer.kind
    }
    const readers = this.#flow.consumersOf(node).filter((consumer) => sideOf(consumer) === side)
    return readers.length === 0 ? undefined : fanOut(readers.map((reader) => this.#flow.push(reader)))
  }

  #viewOf(node: TopologyNode): StateView {
    const store = node.stores[0]?.name ?? ''
    const view = this.#parts.task.views.get(store)
    if (view === undefined) throw new FatalError(`Defect in caudal: the task has no store ${store}.`)
    return view
  }
}
