/** WindowedStream and SessionStream at run time: each method builds the node of an aggregate over windows. */
import type { TopologyNode, WindowSpec } from '../topology/node.ts'
import * as aggregates from './aggregates.ts'
import type { AnyWindowedStream, AnyWindowedTable, Facades, Methods } from './facade.ts'
import type { Aggregation } from './types.ts'
import { windowNode } from './window-nodes.ts'

type NumberOf = (value: unknown) => number
type StateOption = aggregates.StateOption

/** No Facade: what has windows and no aggregate yet is no node. */
export class WindowedStreamFacade implements Methods<AnyWindowedStream> {
  readonly #input: TopologyNode
  readonly #windows: WindowSpec
  readonly #facades: Facades

  constructor(input: TopologyNode, windows: WindowSpec, facades: Facades) {
    this.#input = input
    this.#windows = windows
    this.#facades = facades
    Object.freeze(this)
  }

  count(name: string): AnyWindowedTable {
    return this.#table(aggregates.count(name))
  }
  sum(name: string, of: NumberOf): AnyWindowedTable {
    return this.#table(aggregates.sum(name, of))
  }
  min(name: string, of: NumberOf): AnyWindowedTable {
    return this.#table(aggregates.min(name, of))
  }
  max(name: string, of: NumberOf): AnyWindowedTable {
    return this.#table(aggregates.max(name, of))
  }
  average(name: string, of: NumberOf): AnyWindowedTable {
    return this.#table(aggregates.average(name, of))
  }
  countByValue(name: string, of: (value: unknown) => string): AnyWindowedTable {
    return this.#table(aggregates.countByValue(name, of))
  }
  reduce(name: string, fn: (left: unknown, right: unknown) => unknown, options?: StateOption): AnyWindowedTable {
    return this.#table(aggregates.reduce(name, { ...options, fn }))
  }
  aggregate(name: string, aggregation: Aggregation<unknown, unknown, unknown> & StateOption): AnyWindowedTable {
    return this.#table(aggregates.custom(name, aggregation))
  }

  #table(aggregate: aggregates.Aggregate): AnyWindowedTable {
    return this.#facades.windowedTable(windowNode(this.#input, this.#windows, aggregate))
  }
}
