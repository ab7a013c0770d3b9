/** What streams, keyed streams, tables and sinks are at run time: a hold on a node. Generics end here. */
import { ConfigurationError } from '../errors.ts'
import type { TopologyNode, WindowNode, WindowSpec } from '../topology/node.ts'
import type { KeyedStream, SessionStream, Stream, Table, WindowedTable } from './streams.ts'
import type { Sink } from './types.ts'

export type AnyStream = Stream<unknown, unknown>
export type AnyKeyedStream = KeyedStream<unknown, unknown>
export type AnyTable = Table<unknown, unknown>
/** Of both kinds: at run time a stream of sessions has the same methods, and refuses what its type would. */
export type AnyWindowedStream = SessionStream<unknown, unknown>
export type AnyWindowedTable = WindowedTable<unknown, unknown, unknown>

/** Makes the one facade from within the other: their files cannot import each other. */
export interface Facades {
  readonly stream: (node: TopologyNode) => AnyStream
  readonly keyed: (node: TopologyNode) => AnyKeyedStream
  readonly table: (node: TopologyNode) => AnyTable
  readonly windowed: (input: TopologyNode, windows: WindowSpec) => AnyWindowedStream
  readonly windowedTable: (node: WindowNode) => AnyWindowedTable
  readonly sink: (node: TopologyNode) => Sink
}

/** A class that has every method of the interface T; what the methods take and return is `unknown` where T is generic. */
export type Methods<T> = { readonly [M in keyof T]: (...args: never[]) => unknown }

export class Facade<N extends TopologyNode = TopologyNode> {
  readonly #node: N
  protected readonly facades: Facades

  constructor(node: N, facades: Facades) {
    this.#node = node
    this.facades = facades
    Object.freeze(this)
  }

  protected get node(): N {
    return this.#node
  }

  static nodeOf(value: unknown): TopologyNode {
    if (typeof value === 'object' && value !== null && #node in value) return value.#node
    throw new ConfigurationError(['A stream, a table or a sink was expected, made by this copy of caudal.'])
  }
}

/** The node behind a stream, table or sink. @throws ConfigurationError for anything else. */
export const nodeOf = (value: unknown): TopologyNode => Facade.nodeOf(value)
