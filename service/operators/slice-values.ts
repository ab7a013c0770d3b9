/** What a slice of windows keeps of its records: their aggregate where aggregates can be merged, else they themselves. */
import type { Decoder } from '../codec/codec.ts'
import type { StoredRecord } from '../codec/stored-records.ts'
import { FatalError } from '../errors.ts'
import type { StreamRecord } from '../source/record.ts'
import type { Key, Value, WindowNode } from '../topology/node.ts'
import { fold, settled } from './fold.ts'
import { restoredRecord, storedRecord } from './stored-record.ts'

export interface SliceValues {
  /** What a slice keeps when a record came to it; `kept` is undefined for the first. @throws what code of the topology throws */
  add(kept: Value, value: Value, record: StreamRecord): Value
  /**
   * The aggregate over slices, in the order of time; undefined where there are none. `key`: as Latin-1.
   * @throws FatalError where code of the topology throws: there is no record to blame
   */
  total(kept: readonly Value[], key: string): Value
}

export function sliceValues(node: WindowNode, keys: () => Decoder<Key>): SliceValues {
  const { merge } = node
  const values = merge === undefined ? records(node, keys) : aggregates(node, merge)
  return {
    ...values,
    total(kept, key) {
      if (kept.length === 0) return undefined
      try {
        return values.total(kept, key)
      } catch (error) {
        throw windowFailure(`${node.function} '${node.name}'`, key, error)
      }
    },
  }
}

const aggregates = (node: WindowNode, merge: (left: Value, right: Value) => Value): SliceValues => ({
  add: (kept, value, record) => fold(node, kept, value, record),
  total: (kept) => kept.reduce((left, right) => settled(merge(left, right))),
})

const records = (node: WindowNode, keys: () => Decoder<Key>): SliceValues => ({
  add: (kept, value, record) => [...((kept as readonly StoredRecord[] | undefined) ?? []), storedRecord(value, record)],
  total(kept, key) {
    let aggregate: Value
    for (const stored of kept.flat() as readonly StoredRecord[]) {
      aggregate = fold(node, aggregate, stored.value, restoredRecord(stored, key, keys()))
    }
    return aggregate
  },
})

/** Of code of the topology that throws on a window: there is no record to blame. `key`: as Latin-1. */
export function windowFailure(operator: string, key: string, error: unknown): FatalError {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const shown = JSON.stringify(Buffer.from(key, 'latin1').toString())
  return new FatalError(`${operator} failed on a window of key ${shown}: ${reason}. Correct the function.`, {
    cause: error,
    fields: { operator, key: shown },
  })
}
