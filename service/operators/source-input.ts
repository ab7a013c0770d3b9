/** Reads the records of a source topic: decodes values, gives records their event time, and applies `onInvalid`. */
import type { Slice } from '../batch/slice.ts'
import { rangeDecoderOf } from '../codec/codec.ts'
import type { Failed, Push } from '../source/push.ts'
import { RecordInput, sourceProvenance, StreamRecord } from '../source/record.ts'
import type { SourceNode, Value } from '../topology/node.ts'
import { type Policies, refusePromise } from './policies.ts'

/** Takes the records of one slice. */
export type Accept = (slice: Slice) => void

export interface SourceParts {
  readonly node: SourceNode
  readonly policies: Policies
  readonly failed: Failed
  readonly next: Push
}

export function sourceInput({ node, policies, failed, next }: SourceParts): Accept {
  const decode = rangeDecoderOf(node.value)
  const nullable = node.value.nullable === true
  const forward = keyChecked(node, policies, timed({ node, policies, failed, next }))
  const invalidValue = (record: StreamRecord, error: unknown) =>
    policies.invalid(node.onInvalid, {
      record,
      reason: 'invalid-value',
      error,
      what: `the value cannot be decoded by ${node.value.name}()`,
    })

  return ({ topic, partition, columns, from, to }) => {
    // A time of its own is written over the record's: never into the columns, which a repeat of the batch would read.
    const timestamps = node.time === undefined ? columns.timestamps : columns.timestamps.slice(from, to)
    const first = node.time === undefined ? 0 : from
    const input = new RecordInput({ topic, partition, columns, timestamps, first, keys: node.key, provenance: sourceProvenance })
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

const timeMax = 2 ** 53

function timed({ node, policies, failed, next }: SourceParts): Push {
  const { time, onInvalid } = node
  if (time === undefined) return next
  return (value, record) => {
    let at: number
    try {
      at = time(value, record)
      if ((at as unknown) instanceof Promise) throw refusePromise(at as unknown as Promise<unknown>)
    } catch (error) {
      return failed('time', error, record)
    }
    // A string or undefined is no time either.
    if (typeof at !== 'number' || !(Math.abs(at) <= timeMax)) {
      const error = new RangeError(`${String(at)} is no time: milliseconds since 1970, within ±2^53`)
      return policies.invalid(onInvalid, { record, reason: 'invalid-time', error, what: 'its event time is invalid' })
    }
    record.input.timestamps[record.index - record.input.first] = Math.floor(at)
    next(value, record)
  }
}
