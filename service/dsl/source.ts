/** Where a topology begins. */
import type { Decoder } from '../codec/codec.ts'
import type { TopologyNode } from '../topology/node.ts'
import { check } from './checks.ts'
import {
  type AnyKeyedStream,
  type AnyStream,
  type AnyTable,
  type AnyWindowedStream,
  type AnyWindowedTable,
  Facade,
  type Facades,
} from './facade.ts'
import { KeyedStreamFacade } from './keyed-stream.ts'
import { StreamFacade } from './stream.ts'
import { sourceNode, unionNode } from './stream-nodes.ts'
import type { Stream } from './streams.ts'
import { TableFacade } from './table.ts'
import type { Sink, SourceOptions } from './types.ts'
import { WindowedStreamFacade } from './windowed-stream.ts'
import { WindowedTableFacade } from './windowed-table.ts'

/** The casts are of the untyped classes to the typed interfaces, which type tests and `Methods` hold them to. */
const facades: Facades = {
  stream: (node) => new StreamFacade(node, facades) as unknown as AnyStream,
  keyed: (node) => new KeyedStreamFacade(node, facades) as unknown as AnyKeyedStream,
  table: (node) => new TableFacade(node, facades) as unknown as AnyTable,
  windowed: (input, windows) => new WindowedStreamFacade(input, windows, facades) as unknown as AnyWindowedStream,
  windowedTable: (node) => new WindowedTableFacade(node, facades) as unknown as AnyWindowedTable,
  sink: (node) => new Facade(node, facades) as unknown as Sink,
}

/** Reads a topic, or several as one stream; a topic is read once, however many streams of a topology are made of it. */
export function stream<V>(
  topics: string | readonly string[],
  options: SourceOptions<string, V> & { readonly key?: undefined },
): Stream<string, V>
export function stream<V, K>(
  topics: string | readonly string[],
  options: SourceOptions<K, V> & { readonly key: Decoder<K> },
): Stream<K, V>
export function stream(topics: string | readonly string[], options: object): AnyStream {
  return facades.stream(sourcesNode([topics].flat(), options as SourceOptions<unknown, unknown>))
}

/** Several topics are a union of sources, so that each topic is one node wherever else it is read. */
function sourcesNode(topics: readonly string[], options: SourceOptions<unknown, unknown>): TopologyNode {
  const [first, ...others] = topics
  check(first !== undefined, 'stream() was given an empty list of topics.')
  check(new Set(topics).size === topics.length, `stream() was given a topic twice: ${topics.join(', ')}.`)
  check(
    typeof options === 'object' && options !== null,
    `stream('${first}') needs options: at least the codec of the values, as in { value: json() }.`,
  )
  const source = sourceNode(first, options)
  return others.length === 0 ? source : unionNode([source, ...others.map((topic) => sourceNode(topic, options))])
}
