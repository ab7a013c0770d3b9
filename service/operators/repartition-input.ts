/** keyBy and global, downstream side: records of a repartition topic are what they were before it, under their new key. */
import type { Slice } from '../batch/slice.ts'
import { type Decoder, rangeDecoderOf } from '../codec/codec.ts'
import { keyDecoders, type KeyKind } from '../codec/text-keys.ts'
import { FatalError } from '../errors.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import { noHeaders, type Origin, type Provenance, RecordInput, StreamRecord } from '../source/record.ts'
import type { Failed, Push } from '../source/push.ts'
import type { Key, RepartitionNode, Value } from '../topology/node.ts'
import { endOfTime, type UpstreamReport } from '../time/task-time.ts'
import { type ControlRecord, controlHeaderName, decodeControl } from './control-record.ts'
import type { KeyKinds } from './key-kinds.ts'
import { decodeOrigin, isStamped, type OriginHeader, originHeaderName } from './origin-header.ts'
import type { Accept } from './source-input.ts'

export interface RepartitionInputParts {
  readonly node: RepartitionNode
  /** The topology's source topics, sorted: what the index in an origin header means. */
  readonly sourceTopics: readonly string[]
  readonly failed: Failed
  readonly next: Push
  readonly keyKinds: KeyKinds
  /** Where somebody downstream goes by event time: takes what upstream tasks say of it. */
  readonly heard?: (upstream: string, report: UpstreamReport) => void
}

export function repartitionInput({ node, sourceTopics, failed, next, keyKinds, heard }: RepartitionInputParts): Accept {
  const decode = rangeDecoderOf(node.value)
  const provenance = repartitionProvenance(sourceTopics)
  return (slice) => {
    const { columns, from, to } = slice
    const kind = kindOf(slice)
    if (kind !== undefined) keyKinds.note(node, kind)
    const input = inputOf(slice, provenance, keyDecoders[kind ?? 's'])
    for (let index = from; index < to; index++) {
      const isNull = columns.valueLength(index) < 0
      if (isNull && isControl(columns, index)) {
        if (heard !== undefined) for (const report of controlsOf(slice, index)) heard(report.upstream, reportOf(report))
        continue
      }
      const record = new StreamRecord(input, index)
      if (heard !== undefined && isStamped(columns, index)) {
        const { lateStamp } = headerOf(slice, index)
        if (lateStamp !== undefined) input.stamps.set(index, lateStamp)
      }
      let value: Value = null
      try {
        if (!isNull) value = decode(columns.valueBuffer(index), columns.valueStart(index), columns.valueEnd(index))
      } catch (error) {
        failed(`reading a value of ${node.label ?? 'keyBy'} by ${node.value.name}()`, error, record)
        continue
      }
      next(value, record)
    }
  }
}

/** A task writes keys of one kind, so the first record of a slice tells how all of its keys are read; undefined where there is none. */
function kindOf(slice: Slice): KeyKind | undefined {
  const { columns, from, to } = slice
  let first = from
  while (first < to && isControl(columns, first)) first += 1
  return first < to ? headerOf(slice, first).keyKind : undefined
}

function inputOf(slice: Slice, provenance: Provenance, keys: Decoder<Key>): RecordInput {
  const { topic, partition, columns, from } = slice
  const timestamps = timesOf(slice)
  return new RecordInput({ topic, partition, columns, timestamps, first: from, keys, provenance })
}

/** Kafka has no negative times: such a record says 0, and its header the rest. */
function timesOf(slice: Slice): Float64Array {
  const { columns, from, to } = slice
  const times = columns.timestamps.slice(from, to)
  for (let index = from; index < to; index++) {
    if (times[index - from] !== 0 || isControl(columns, index)) continue
    times[index - from] = headerOf(slice, index).negativeTime ?? 0
  }
  return times
}

const isControl = (columns: RecordColumns, index: number): boolean =>
  columns.valueLength(index) < 0 && columns.headers(index).some(([name]) => name === controlHeaderName)

/** One header for each upstream task that the writing worker had something to tell of. */
const controlsOf = (of: Placed, index: number): readonly ControlRecord[] =>
  of.columns
    .headers(index)
    .flatMap(([name, value]) =>
      name === controlHeaderName && value !== null ? toldWhere(of, index, () => decodeControl(value)) : [],
    )

const reportOf = ({ kind, time }: ControlRecord): UpstreamReport =>
  kind === 'idle' ? 'idle' : kind === 'end-of-run' ? endOfTime : time

/** Columns, and where they come from. */
interface Placed extends Pick<Slice, 'topic' | 'partition'> {
  readonly columns: RecordColumns
}

function headerOf(of: Placed, index: number): OriginHeader {
  const bytes = of.columns.headers(index).find(([name]) => name === originHeaderName)?.[1]
  return toldWhere(of, index, () => {
    if (bytes === undefined || bytes === null)
      throw new FatalError(
        `A record of a repartition topic has no ${originHeaderName} header: was it written by another program?`,
      )
    return decodeOrigin(bytes)
  })
}

function toldWhere<T>({ topic, partition, columns }: Placed, index: number, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof FatalError)) throw error
    const offset = columns.offsets[index] ?? Number.NaN
    throw new FatalError(`Topic ${topic}, partition ${partition}, offset ${offset}: ${error.message}`, {
      cause: error,
      fields: { ...error.fields, topic, partition, offset },
    })
  }
}

const headerIn = ({ topic, partition, columns }: RecordInput, index: number): OriginHeader | undefined =>
  columns === null ? undefined : headerOf({ topic, partition, columns }, index)

function repartitionProvenance(sourceTopics: readonly string[]): Provenance {
  const origin = (input: RecordInput, index: number): Origin | undefined => {
    const found = headerIn(input, index)?.origin
    const topic = found === undefined ? undefined : sourceTopics[found.topic]
    return found === undefined || topic === undefined ? undefined : { topic, partition: found.partition, offset: found.offset }
  }
  return {
    origin,
    slot: (input, index) => headerIn(input, index)?.slot ?? Number.NEGATIVE_INFINITY,
    // Ours is the first; one of the same name behind it is the user's.
    headers: ({ columns }, index) => columns?.headers(index).slice(1) ?? noHeaders,
  }
}
