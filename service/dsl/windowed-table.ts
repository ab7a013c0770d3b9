/** WindowedTable at run time: each method builds the node that it stands for. */
import type { WindowNode } from '../topology/node.ts'
import type { StateOption } from './aggregates.ts'
import { type AnyStream, type AnyWindowedTable, Facade, type Methods } from './facade.ts'
import { type TopOptions, windowTopNode } from './top-nodes.ts'
import { windowEmitNode, windowSideNode } from './window-nodes.ts'
import type { OutputMode } from './window-types.ts'

export class WindowedTableFacade extends Facade<WindowNode> implements Methods<AnyWindowedTable> {
  emit(mode: OutputMode): AnyStream {
    return this.facades.stream(windowEmitNode(this.node, mode))
  }
  top(name: string, n: number, compare: TopOptions['compare'], options?: StateOption): AnyWindowedTable {
    return this.facades.windowedTable(windowTopNode(this.node, { ...options, name, n, compare }))
  }
  late(): AnyStream {
    return this.facades.stream(windowSideNode(this.node, 'late'))
  }
  outside(): AnyStream {
    return this.facades.stream(windowSideNode(this.node, 'outside'))
  }
}
