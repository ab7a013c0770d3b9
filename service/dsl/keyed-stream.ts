/** KeyedStream at run time: each method builds the node that it stands for. */
import * as aggregates from './aggregates.ts'
import { type AnyKeyedStream, type AnyStream, type AnyTable, type AnyWindowedStream, Facade, type Methods } from './facade.ts'
import { rekeyedNode } from './stream-nodes.ts'
import { aggregateNode } from './table-nodes.ts'
import type { Aggregation } from './types.ts'
import { windowsOver } from './window-nodes.ts'
import type { Windows } from './window-types.ts'

type NumberOf = (value: unknown) => number
type StateOption = aggregates.StateOption

export class KeyedStreamFacade extends Facade implements Methods<AnyKeyedStream> {
  records(): AnyStream {
    return this.facades.stream(rekeyedNode(this.node, 'records'))
  }
  toTable(name: string, options?: StateOption): AnyTable {
    return this.#table(aggregates.latest(name, options))
  }
  count(name: string): AnyTable {
    return this.#table(aggregates.count(name))
  }
  sum(name: string, of: NumberOf): AnyTable {
    return this.#table(aggregates.sum(name, of))
  }
  min(name: string, of: NumberOf): AnyTable {
    return this.#table(aggregates.min(name, of))
  }
  max(name: string, of: NumberOf): AnyTable {
    return this.#table(aggregates.max(name, of))
  }
  average(name: string, of: NumberOf): AnyTable {
    return this.#table(aggregates.average(name, of))
  }
  countByValue(name: string, of: (value: unknown) => string): AnyTable {
    return this.#table(aggregates.countByValue(name, of))
  }
  reduce(name: string, fn: (left: unknown, right: unknown) => unknown, options?: StateOption): AnyTable {
    return this.#table(aggregates.reduce(name, { ...options, fn }))
  }
  aggregate(name: string, aggregation: Aggregation<unknown, unknown, unknown> & StateOption): AnyTable {
    return this.#table(aggregates.custom(name, aggregation))
  }
  window(windows: Windows<unknown>): AnyWindowedStream {
    return this.facades.windowed(this.node, windowsOver(this.node, windows))
  }

  #table(aggregate: aggregates.Aggregate): AnyTable {
    return this.facades.table(aggregateNode(this.node, aggregate))
  }
}
