/** How far event time is at each node of a sub-topology: the task's at its inputs, held back by every operator that emits later. */
import { leastOf, type Watermark } from '../time/watermark.ts'
import type { Subtopology } from '../topology/graph.ts'
import type { TopologyNode } from '../topology/node.ts'
import type { StatefulOperator } from './stateful.ts'

/** Where nobody goes by event time. */
const never: Watermark = { value: Number.NEGATIVE_INFINITY, isIdle: false }

export class NodeWatermarks {
  readonly #inputs: ReadonlySet<TopologyNode>
  readonly #task: Watermark
  readonly #operators: ReadonlyMap<TopologyNode, StatefulOperator>

  /** `operators` may still be filled: what is asked for here is looked up when it is read. */
  constructor(subtopology: Subtopology, task: Watermark | undefined, operators: ReadonlyMap<TopologyNode, StatefulOperator>) {
    this.#inputs = new Set<TopologyNode>([...subtopology.sources, ...subtopology.repartitionSources])
    this.#task = task ?? never
    this.#operators = operators
  }

  /** Of what goes into the node. */
  into(node: TopologyNode): Watermark {
    let found: Watermark | undefined
    const find = () => (found ??= leastOf(node.inputs.map((input) => this.#outOf(input))))
    return {
      get value() {
        return find().value
      },
      get isIdle() {
        return find().isIdle
      },
    }
  }

  #outOf(node: TopologyNode): Watermark {
    if (this.#inputs.has(node)) return this.#task
    return this.#operators.get(node)?.output ?? leastOf(node.inputs.map((input) => this.#outOf(input)))
  }
}
