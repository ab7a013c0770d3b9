/** How fused steps hand on to one another: a call a record, no arrays between. */
import type { Value } from '../topology/node.ts'
import type { StreamRecord } from './record.ts'

/**
 * Takes one record, or one changed row of a table: then `value` is the row now and `before` the row when the batch began, `undefined`
 * where there is or was none. What it throws stops the batch; errors in code of the topology go to `Failed` instead.
 */
export type Push = (value: Value, record: StreamRecord, before?: Value) => void

/** Gives a record on which code of the topology threw its policy, and returns where work goes on. @throws FatalError for `stop` */
export type Failed = (operator: string, error: unknown, record: StreamRecord) => void

/** A record that its sink cannot take: the topology's `onError` says what it gets. */
export class RefusedError extends Error {
  /** Label of the metrics. */
  readonly reason: 'too-large' | 'unknown-topic' | 'negative-time' | 'partition'
  constructor(reason: RefusedError['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'RefusedError'
    this.reason = reason
  }
}
