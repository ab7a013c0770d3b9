/** The state of an average. */
import { fixedLength } from './fixed-length.ts'

export interface SumAndCount {
  readonly sum: number
  readonly count: number
}

/** Two float64, big-endian: the sum, then the count. */
export const sumAndCount = fixedLength<SumAndCount>('sum-and-count', 16, {
  read: (buffer, at) => ({ sum: buffer.readDoubleBE(at), count: buffer.readDoubleBE(at + 8) }),
  write: (buffer, value, at) => {
    buffer.writeDoubleBE(value.sum, at)
    buffer.writeDoubleBE(value.count, at + 8)
  },
})
