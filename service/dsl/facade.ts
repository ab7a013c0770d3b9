/** What streams, keyed streams, tables and sinks are at run time: a hold on a node. Generics end here. */
import { ConfigurationError } from '../errors.ts'
import type { TopologyNode } from '../topology/node.ts'
import type { KeyedStream, Stream, Table } from './streams.ts'
import type { Sink } from './types.ts'

export type AnyStream = Stream<unknown, unknown>
export type AnyKeyedStream = KeyedStream<unknown, unknown>
export type AnyTable = Table<unknown, unknown>

/** Makes the one facade from within the other: their files cannot import each other. */
export interface Facades {
  readonly stream: (node: TopologyNode) => AnyStream
  readonly keyed: (node: TopologyNode) => AnyKeyedStream
  readonly table: (node: TopologyNode) => AnyTable
  readonly sink: (node: TopologyNode) => Sink
}

/** A class that has every method of the interface T; what the methods take and return is `unknown` where T is generic. */
export type Methods<T> = { readonly [M in keyof T]: (...args: never[]) => unknown }

export class Facade {
  readonly #node: TopologyNode
  protected readonly facades: Facades

  constructor(node: TopologyNode, facades: Facades) {
    this.#node = node
    this.facades = facades
    Object.freeze(this)
  }

  protected get node(): TopologyNode {
    return this.#node
  }

  static nodeOf(value: unknown): TopologyNode {
    if (typeof value === 'object' && value !== null && #node in value) return value.#node
    throw new ConfigurationError(['A stream, a table or a sink was expected, made by this copy of caudal.'])
  }
}

/** The node behind a stream, table or sink. @throws ConfigurationError for anything else. */
export const nodeOf = (value: unknown): TopologyNode => Facade.nodeOf(value)
