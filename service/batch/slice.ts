/** What one batch takes from one partition: a range of the records of one fetched chunk. */
import type { RecordColumns } from '../kafka/records/record-columns.ts'

export interface Slice {
  readonly topic: string
  readonly partition: number
  readonly columns: RecordColumns
  /** Indexes into the columns: [from, to). Equal where the chunk has no records left and only moves the position. */
  readonly from: number
  readonly to: number
  /** How many offsets in front of it went unread, as their records were deleted. Absent: none. */
  readonly deleted?: number
  /** The position once this slice is processed. */
  readonly nextOffset: number
}
