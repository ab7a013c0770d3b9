/** Table at run time: each method builds the node that it stands for. */
import type { TableFilterNode, TableMapNode } from '../topology/node.ts'
import type { StateOption } from './aggregates.ts'
import { type AnyStream, type AnyTable, Facade, type Methods } from './facade.ts'
import { type AnySinkOptions, sinkNode } from './stream-nodes.ts'
import * as nodes from './table-nodes.ts'
import { tableTopNode, type TopOptions } from './top-nodes.ts'
import type { Sink } from './types.ts'

export class TableFacade extends Facade implements Methods<AnyTable> {
  emit(mode: 'update' | 'complete'): AnyStream {
    return this.facades.stream(nodes.emitNode(this.node, mode))
  }
  changes(): AnyStream {
    return this.facades.stream(nodes.changesNode(this.node))
  }
  map(fn: TableMapNode['fn']): AnyTable {
    return this.facades.table(nodes.tableMapNode(this.node, fn))
  }
  filter(fn: TableFilterNode['fn']): AnyTable {
    return this.facades.table(nodes.tableFilterNode(this.node, fn))
  }
  top(name: string, n: number, compare: TopOptions['compare'], options?: StateOption): AnyTable {
    return this.facades.table(tableTopNode(this.node, { ...options, name, n, compare }))
  }
  to(topic: string, options: AnySinkOptions): Sink {
    return this.facades.sink(sinkNode(this.node, topic, { table: true, options }))
  }
}
