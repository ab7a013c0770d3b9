/** By which time a record finds its windows: its own, or that of the batch that it was cut in. */
import type { StreamRecord } from '../source/record.ts'

export interface RecordTime {
  /** ms since 1970. `watermark`: of what comes in, when the record came. */
  timeOf(record: StreamRecord, watermark: number): number
  /** The watermark that the record is older than by itself; −Infinity where it can't be late. */
  stampOf(record: StreamRecord): number
}

export const eventTime: RecordTime = {
  timeOf: ({ timestamp }) => timestamp,
  stampOf: ({ stamp }) => stamp,
}

/** Every record is in the present slot of its task, which its own slot has moved on where it is newer: nothing is ever late. */
export const slotTime: RecordTime = {
  timeOf: (_, watermark) => watermark,
  stampOf: () => Number.NEGATIVE_INFINITY,
}
