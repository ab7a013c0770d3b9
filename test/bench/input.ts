/** The input of the benchmark: records in batches that can be written again and again. */
import { partitionForKey } from '../../service/kafka/records/murmur2.ts'
import { RecordBatchBuilder } from '../../service/kafka/records/record-batch-builder.ts'

export interface InputRecord {
  readonly key: string
  /** JSON. */
  readonly value: string
  /** Its timestamp, ms since 1970. */
  readonly time: number
}

/** Batches of one partition, in order. */
export interface PartitionRecords {
  readonly partition: number
  readonly batches: readonly RecordBatchBuilder[]
  readonly count: number
}

export const partitions = 4
const batchBytesMax = 900_000

/** Records 0 to `count` − 1 in order, in the partitions that Kafka's own clients would put them into. */
export function inputOf(count: number, recordOf: (n: number) => InputRecord): readonly PartitionRecords[] {
  const batches = Array.from({ length: partitions }, () => [new RecordBatchBuilder(batchBytesMax)])
  const counts = Array.from({ length: partitions }, () => 0)
  for (let n = 0; n < count; n++) {
    const { key, value, time } = recordOf(n)
    const partition = partitionForKey(Buffer.from(key), partitions)
    const ofPartition = batches[partition] ?? []
    let last = ofPartition.at(-1)
    if (last === undefined || last.byteLength + last.sizeOf(key, value) > batchBytesMax) {
      last = new RecordBatchBuilder(batchBytesMax)
      ofPartition.push(last)
    }
    last.append(key, value, time)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  return batches.map((ofPartition, partition) => ({ partition, batches: ofPartition, count: counts[partition] ?? 0 }))
}
