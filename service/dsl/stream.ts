/** Stream at run time: each method builds the node that it stands for. */
import type { LookupNode, UserFn } from '../topology/node.ts'
import { type AnyKeyedStream, type AnyStream, Facade, type Methods, nodeOf } from './facade.ts'
import { type AnyGlobalTable, tableOf } from './static-table.ts'
import * as nodes from './stream-nodes.ts'
import type { Sink } from './types.ts'

export class StreamFacade extends Facade implements Methods<AnyStream> {
  map(fn: UserFn): AnyStream {
    return this.facades.stream(nodes.mapNode(this.node, fn))
  }
  flatMap(fn: UserFn<Iterable<unknown>>): AnyStream {
    return this.facades.stream(nodes.flatMapNode(this.node, fn))
  }
  filter(fn: UserFn<boolean>): AnyStream {
    return this.facades.stream(nodes.filterNode(this.node, fn))
  }
  peek(fn: UserFn): AnyStream {
    return this.facades.stream(nodes.peekNode(this.node, fn))
  }
  lookup(table: AnyGlobalTable, keyOf: UserFn<string>, combine: LookupNode['combine']): AnyStream {
    return this.facades.stream(nodes.lookupNode(this.node, tableOf(table), { keyOf, combine }))
  }
  withTime(fn: UserFn<number>, options?: Parameters<typeof nodes.withTimeNode>[2]): AnyStream {
    return this.facades.stream(nodes.withTimeNode(this.node, fn, options))
  }
  union(...others: readonly AnyStream[]): AnyStream {
    return this.facades.stream(nodes.unionNode([this.node, ...others.map(nodeOf)]))
  }
  branch(branches: Readonly<Record<string, UserFn<boolean>>>): Readonly<Record<string, AnyStream>> {
    return Object.fromEntries(
      nodes.branchOutlets(this.node, branches).map(([name, outlet]) => [name, this.facades.stream(outlet)]),
    )
  }
  keyBy(fn: UserFn<string | number | bigint>, options?: Parameters<typeof nodes.keyByNode>[2]): AnyKeyedStream {
    return this.facades.keyed(nodes.keyByNode(this.node, fn, options))
  }
  byKey(): AnyKeyedStream {
    return this.facades.keyed(nodes.rekeyedNode(this.node, 'byKey'))
  }
  global(options?: Parameters<typeof nodes.globalNode>[1]): AnyKeyedStream {
    return this.facades.keyed(nodes.globalNode(this.node, options))
  }
  to(topic: string | UserFn<string>, options: nodes.AnySinkOptions): Sink {
    return this.facades.sink(nodes.sinkNode(this.node, topic, { table: false, options }))
  }
  print(rows = 20): Sink {
    return this.facades.sink(nodes.printNode(this.node, rows))
  }
}
