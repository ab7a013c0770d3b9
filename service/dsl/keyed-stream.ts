/** KeyedStream at run time: each method builds the node that it stands for. */
import type { CodecFor } from '../codec/codec.ts'
import { type AnyKeyedStream, type AnyStream, type AnyTable, Facade, type Methods } from './facade.ts'
import { rekeyedNode } from './stream-nodes.ts'
import * as nodes from './table-nodes.ts'
import type { Aggregation } from './types.ts'

type NumberOf = (value: unknown) => number
type StateOption = { readonly state?: CodecFor<unknown> }

export class KeyedStreamFacade extends Facade implements Methods<AnyKeyedStream> {
  records(): AnyStream {
    return this.facades.stream(rekeyedNode(this.node, 'records'))
  }
  toTable(name: string, options?: StateOption): AnyTable {
    return this.facades.table(nodes.toTableNode(this.node, name, options))
  }
  count(name: string): AnyTable {
    return this.facades.table(nodes.countNode(this.node, name))
  }
  sum(name: string, of: NumberOf): AnyTable {
    return this.facades.table(nodes.sumNode(this.node, name, of))
  }
  min(name: string, of: NumberOf): AnyTable {
    return this.facades.table(nodes.minNode(this.node, name, of))
  }
  max(name: string, of: NumberOf): AnyTable {
    return this.facades.table(nodes.maxNode(this.node, name, of))
  }
  average(name: string, of: NumberOf): AnyTable {
    return this.facades.table(nodes.averageNode(this.node, name, of))
  }
  countByValue(name: string, of: (value: unknown) => string): AnyTable {
    return this.facades.table(nodes.countByValueNode(this.node, name, of))
  }
  reduce(name: string, fn: (left: unknown, right: unknown) => unknown, options?: StateOption): AnyTable {
    return this.facades.table(nodes.reduceNode(this.node, name, { ...options, fn }))
  }
  aggregate(name: string, aggregation: Aggregation<unknown, unknown, unknown> & StateOption): AnyTable {
    return this.facades.table(nodes.aggregateNode(this.node, name, aggregation))
  }
}
