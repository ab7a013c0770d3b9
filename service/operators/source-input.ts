/** Reads the records of a source topic: decodes values, gives records their event time, and applies `onInvalid`. */
import type { Slice } from '../batch/slice.ts'
import { rangeDecoderOf } from '../codec/codec.ts'
import type { Failed, Push } from '../source/push.ts'
import { RecordInput, sourceProvenance, StreamRecord } from '../source/record.ts'
import type { SourceTime } from '../time/task-time.ts'
import type { SourceNode, Value } from '../topology/node.ts'
import { type Policies, refusePromise } from './policies.ts'

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
  const witness = time === undefined ? undefined : new Witness({ node, policies, next, now: time.now })
  const forward = keyChecked(node, policies, timed({ node, policies, failed, next: witness?.push ?? next }))
  const invalidValue = (record: StreamRecord, error: unknown) =>
    policies.invalid(node.onInvalid, {
      record,
      reason: 'invalid-value',
      error,
      what: `the value cannot be decoded by ${node.value.name}()`,
    })

  return ({ topic, partition, columns, from, to }) => {
    if (time !== undefined) witness?.begin(time.of(topic, partition))
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

/** Tells event time of each record before anybody else sees it, and gives it its stamp. */
class Witness {
  readonly push: Push
  #partition: SourceTime | undefined

  constructor({
    node: { futureMax, onInvalid },
    policies,
    next,
    now,
  }: Pick<SourceParts, 'node' | 'policies' | 'next'> & { readonly now: () => number }) {
    const leadMax = futureMax ?? Number.POSITIVE_INFINITY
    this.push = (value, record) => {
      const { timestamp } = record
      if (timestamp - now() > leadMax) {
        const error = new RangeError(`${timestamp} is more than ${leadMax} ms ahead of the clock (futureMax)`)
        return policies.invalid(onInvalid, { record, reason: 'invalid-time', error, what: 'its event time is in the future' })
      }
      const stamp = this.#partition?.see(timestamp) ?? Number.NEGATIVE_INFINITY
      if (stamp > Number.NEGATIVE_INFINITY) record.input.stamps.set(record.index, stamp)
      next(value, record)
    }
  }

  begin(partition: SourceTime): void {
    this.#partition = partition
  }
}
