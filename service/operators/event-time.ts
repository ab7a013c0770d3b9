/** Event time of records: read by code of the topology, checked, and told to the watermark of the source partition. */
import type { Failed } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { SourceTime } from '../time/task-time.ts'
import type { Policy, SourceNode, UserFn, Value } from '../topology/node.ts'
import { type Policies, refusePromise } from './policies.ts'

/** 140 000 years: what windows add to a time still is a whole number exactly, or a close would never come to its end. */
const timeMax = 2 ** 52

const noTime = (at: unknown) => new RangeError(`${String(at)} is no time: milliseconds since 1970, within ±2^52`)

/** What `fn` says of a record, floored; undefined where that is no time, and the record got its policy. */
export type ReadTime = (value: Value, record: StreamRecord, onInvalid: Policy) => number | undefined

export function timeReader(
  operator: 'time' | 'withTime',
  fn: UserFn<number>,
  { policies, failed }: { readonly policies: Policies; readonly failed: Failed },
): ReadTime {
  return (value, record, onInvalid) => {
    let at: number
    try {
      at = fn(value, record)
      if ((at as unknown) instanceof Promise) throw refusePromise(at as unknown as Promise<unknown>)
    } catch (error) {
      failed(operator, error, record)
      return undefined
    }
    // A string or undefined is no time either.
    if (typeof at === 'number' && Math.abs(at) <= timeMax) return Math.floor(at)
    policies.invalid(onInvalid, {
      record,
      reason: 'invalid-time',
      error: noTime(at),
      what: `its event time (${operator}) is invalid`,
    })
    return undefined
  }
}

/** Tells event time of each record before anybody else sees it, and gives it its stamp. */
export class Witness {
  readonly #policies: Policies
  /** Wall clock at the cut, ms. */
  readonly #now: () => number

  constructor(policies: Policies, now: () => number) {
    this.#policies = policies
    this.#now = now
  }

  /** False where the record is further ahead of the clock than its source allows, or beyond all times, and got its policy. */
  sees(record: StreamRecord, partition: SourceTime, { futureMax, onInvalid }: SourceNode): boolean {
    const { timestamp } = record
    const leadMax = futureMax ?? Number.POSITIVE_INFINITY
    if (timestamp - this.#now() > leadMax) {
      const error = new RangeError(`${timestamp} is more than ${leadMax} ms ahead of the clock (futureMax)`)
      this.#policies.invalid(onInvalid, { record, reason: 'invalid-time', error, what: 'its event time is in the future' })
      return false
    }
    if (!(Math.abs(timestamp) <= timeMax)) {
      const invalid = { record, reason: 'invalid-time', error: noTime(timestamp), what: 'its timestamp is invalid' } as const
      this.#policies.invalid(onInvalid, invalid)
      return false
    }
    const stamp = partition.see(timestamp)
    if (stamp > Number.NEGATIVE_INFINITY) record.input.stamps.set(record.index, stamp)
    return true
  }
}
