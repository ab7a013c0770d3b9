/** Reads the records of a source topic: decodes values, gives records their event time, and applies `onInvalid`. */
import type { Slice } from '../batch/slice.ts'
import { rangeDecoderOf } from '../codec/codec.ts'
import type { Failed, Push } from '../source/push.ts'
import { RecordInput, sourceProvenance, StreamRecord } from '../source/record.ts'
import type { SourceTime } from '../time/task-time.ts'
import type { SourceNode, Value } from '../topology/node.ts'
import { timeReader, Witness } from './event-time.ts'
import type { Policies } from './policies.ts'

/** Takes the records of one slice. */
export type Accept = (slice: Slice) => void

export interface SourceParts {
  readonly node: SourceNode
  readonly policies: Policies
  readonly failed: Failed
  readonly next: Push
  /** Where somebody downstream goes by event time: that of a partition of the topic, and the wall clock at the cut, ms. */
  readonly time?: { readonly of: (topic: string, partition: number) => SourceTime; readonly now: () => number }
}

export function sourceInput({ node, policies, failed, next, time }: SourceParts): Accept {
  const decode = rangeDecoderOf(node.value)
  const nullable = node.value.nullable === true
  let source: SourceTime | undefined
  const witness = time === undefined ? undefined : new Witness(policies, time.now)
  const witnessed: Push = (value, record) => {
    if (source === undefined || witness?.sees(record, source, node) === true) next(value, record)
  }
  const forward = keyChecked(node, policies, timed({ node, policies, failed, next: witness === undefined ? next : witnessed }))
  const invalidValue = (record: StreamRecord, error: unknown) =>
    policies.invalid(node.onInvalid, {
      record,
      reason: 'invalid-value',
      error,
      what: `the value cannot be decoded by ${node.value.name}()`,
    })

  return ({ topic, partition, columns, from, to }) => {
    source = time?.of(topic, partition)
    // A time of its own is written over the record's: never into the columns, which a repeat of the batch would read.
    const timestamps = node.time === undefined ? columns.timestamps.subarray(from, to) : columns.timestamps.slice(from, to)
    const of = { topic, partition, columns, timestamps, first: from }
    const input = new RecordInput({ ...of, keys: node.key, provenance: sourceProvenance })
    for (let index = from; index < to; index++) {
      const record = new StreamRecord(input, index)
      if (columns.valueLength(index) < 0) {
        if (nullable) forward(null, record)
        else policies.skip(record, 'null-value')
        continue
      }
      let value: Value
      try {
        value = decode(columns.valueBuffer(index), columns.valueStart(index), columns.valueEnd(index))
      } catch (error) {
        invalidValue(record, error)
        continue
      }
      forward(value, record)
    }
  }
}

/** A key that may be invalid is decoded before anybody sees the record; text takes any bytes, so it can wait until it is asked for. */
function keyChecked({ key, onInvalid }: SourceNode, policies: Policies, next: Push): Push {
  if (key.name === 'text') return next
  return (value, record) => {
    try {
      void record.key
    } catch (error) {
      return policies.invalid(onInvalid, {
        record,
        reason: 'invalid-key',
        error,
        what: `the key cannot be decoded by ${key.name}()`,
      })
    }
    next(value, record)
  }
}

function timed({ node, policies, failed, next }: SourceParts): Push {
  const { time, onInvalid } = node
  if (time === undefined) return next
  const read = timeReader('time', time, { policies, failed })
  return (value, record) => {
    const at = read(value, record, onInvalid)
    if (at === undefined) return
    record.input.timestamps[record.index - record.input.first] = at
    next(value, record)
  }
}
