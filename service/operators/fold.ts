/** Takes a record into an aggregate, as every operator does that has some. */
import type { StreamRecord } from '../source/record.ts'
import type { AggregateFunctions, Value } from '../topology/node.ts'
import { refusePromise } from './policies.ts'

/** `aggregate`: undefined for the first record of a key or window. @throws what code of the topology throws; TypeError for a promise */
export function fold(
  { initial, add }: Pick<AggregateFunctions, 'initial' | 'add'>,
  aggregate: Value,
  value: Value,
  record: StreamRecord,
): Value {
  return settled(add(aggregate === undefined ? initial(record.key) : aggregate, value, record))
}

/** What code of the topology returned. @throws TypeError for a promise */
export function settled(value: Value): Value {
  if (value instanceof Promise) throw refusePromise(value)
  return value
}
