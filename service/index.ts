/** The public API: what a topology file imports. */
export { bytes } from './codec/bytes.ts'
export type { Codec, CodecFor, Decoder, Encoder } from './codec/codec.ts'
export { float64 } from './codec/float64.ts'
export { int64 } from './codec/int64.ts'
export { json } from './codec/json.ts'
export { nullable } from './codec/nullable.ts'
export { type SchemaRegistry, type SchemaRegistryOptions, type SubjectOptions, schemaRegistry } from './codec/schema-registry.ts'
export { structured } from './codec/structured.ts'
export { text } from './codec/text.ts'
export { stream } from './dsl/source.ts'
export { staticTable } from './dsl/static-table.ts'
export type { KeyedStream, Ranked, SessionStream, Stream, Table, WindowedStream, WindowedTable } from './dsl/streams.ts'
export { type Topology, type TopologyOptions, topology } from './dsl/topology.ts'
export type {
  Aggregation,
  GlobalTable,
  Headers,
  IsJson,
  KeyByOptions,
  Policy,
  RecordInfo,
  Sink,
  SinkOptions,
  SourceOptions,
} from './dsl/types.ts'
export type {
  ClosedBy,
  OutputMode,
  SessionOptions,
  SessionWindows,
  Windowed,
  WindowOptions,
  Windows,
} from './dsl/window-types.ts'
export { batches, hopping, session, sliding, tumbling } from './dsl/windows.ts'
export type { Duration, EpochMs } from './duration.ts'
