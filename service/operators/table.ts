/** Steps on the rows of tables: each changed row comes once a batch, with the row that it takes the place of. */
import type { Failed, Push } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { EmitNode, TableFilterNode, TableMapNode, Value } from '../topology/node.ts'
import { refusePromise } from './policies.ts'

/** `withBefore`: whether anybody downstream looks at the row as it was; otherwise it is not computed. */
export function tableMap({ fn }: TableMapNode, failed: Failed, { next, withBefore }: { next: Push; withBefore: boolean }): Push {
  const mapped = (row: Value, record: StreamRecord): Value => {
    if (row === undefined) return undefined
    const result = fn(row, record.key)
    if (result instanceof Promise) throw refusePromise(result)
    return result
  }
  return (row, record, before) => {
    let [now, was]: Value[] = []
    try {
      now = mapped(row, record)
      if (withBefore) was = mapped(before, record)
    } catch (error) {
      return failed('map of a table', error, record)
    }
    next(now, record, was)
  }
}

/** A row that no longer passes becomes a deletion; one that neither passed nor passes does not exist. */
export function tableFilter({ fn }: TableFilterNode, failed: Failed, next: Push): Push {
  const passing = (row: Value, record: StreamRecord): Value => {
    if (row === undefined) return undefined
    const passes: unknown = fn(row, record.key)
    if (passes instanceof Promise) throw refusePromise(passes)
    return passes ? row : undefined
  }
  return (row, record, before) => {
    let [now, was]: Value[] = []
    try {
      now = passing(row, record)
      was = passing(before, record)
    } catch (error) {
      return failed('filter of a table', error, record)
    }
    if (now !== undefined || was !== undefined) next(now, record, was)
  }
}

export function emit({ mode }: EmitNode, next: Push): Push {
  if (mode === 'changes') return (after, record, before) => next({ before, after }, record)
  return (row, record) => {
    if (row !== undefined) next(row, record)
  }
}
