/** How far event time is at each node of a sub-topology: the task's at its inputs, held back by every operator that emits later. */
import type { TaskClock } from '../time/task-clock.ts'
import type { Watermark } from '../time/watermark.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { TopologyNode } from '../topology/node.ts'
import type { StatefulOperator } from './stateful.ts'

/** Where nobody goes by event time. */
const never: Watermark = { value: Number.NEGATIVE_INFINITY, isIdle: false }

export class NodeWatermarks {
  readonly #inputs: ReadonlySet<TopologyNode>
  readonly #time: TaskClock | null
  readonly #withTimes: Subtopology['withTimes']
  readonly #operators: ReadonlyMap<TopologyNode, StatefulOperator>

  /** `operators` may still be filled: what is asked for here is looked up when it is read. */
  constructor(subtopology: Subtopology, time: TaskClock | null, operators: ReadonlyMap<TopologyNode, StatefulOperator>) {
    this.#inputs = new Set<TopologyNode>([...subtopology.sources, ...subtopology.repartitionSources])
    this.#time = time
    this.#withTimes = subtopology.withTimes
    this.#operators = operators
  }

  /** Of what goes into the node. */
  into(node: TopologyNode): Watermark {
    const time = this.#time
    if (time === null) return never
    let found: Watermark | undefined
    const find = () => (found ??= this.#merged(node, time))
    return {
      get value() {
        return find().value
      },
      get isIdle() {
        return find().isIdle
      },
    }
  }

  #merged(node: TopologyNode, time: TaskClock): Watermark {
    const watermarks = [...this.#before(node, time)]
    const [first = never, ...others] = watermarks
    return others.length === 0 ? first : time.merged(watermarks, node.stores[0]?.name)
  }

  /** Of everything that comes together in front of the node. */
  #before(node: TopologyNode, time: TaskClock): ReadonlySet<Watermark> {
    return new Set(node.inputs.flatMap((input) => [...this.#outOf(input, time)]))
  }

  #outOf(node: TopologyNode, time: TaskClock): ReadonlySet<Watermark> {
    if (this.#inputs.has(node)) return new Set([time.task])
    if (node.kind === 'withTime') return new Set([time.behind(this.#withTimes.indexOf(node)).task])
    const output = this.#operators.get(node)?.output
    return output === undefined ? this.#before(node, time) : new Set([output])
  }
}
