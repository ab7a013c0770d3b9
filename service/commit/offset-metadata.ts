/** The metadata that stands beside each committed offset: enough to notice when offsets and changelogs part company (P10). */
import { isCount, isListOf, isMapOf, isNullOr, isText, isTime } from '../json-shape.ts'

export interface OffsetMetadata {
  /** Counts the task's commits; 0 for a start position. */
  readonly batch: number
  /** How many partitions the topic had when the group first read it: a partition beyond that was found later (P11). */
  readonly partitionsAtStart: number
  /**
   * That of the source partition, then that of each withTime of its sub-topology, in the order of the graph; in ms, null where there is
   * none yet, or the partition does not lead to that withTime.
   */
  readonly watermarks: readonly (number | null)[]
  /** Per store: the id of its changelog topic and the offset of its last record, which is the progress record. */
  readonly stores: Readonly<Record<string, readonly [topicId: string, lastOffset: number]>>
}

/** Kafka refuses offset metadata of more bytes (`offset.metadata.max.bytes`); past it every commit fails. */
export const offsetMetadataBytesMax = 4096

const format = 1

export const encodeOffsetMetadata = (metadata: OffsetMetadata): string =>
  JSON.stringify([format, metadata.batch, metadata.partitionsAtStart, metadata.watermarks, metadata.stores])

/** Null for metadata that caudal did not write: the offset was set by hand or by another program. */
export function decodeOffsetMetadata(text: string): OffsetMetadata | null {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch (ignored) {
    // Not JSON, so not ours; what that means is for the caller to say.
    return null
  }
  if (!Array.isArray(fields) || fields[0] !== format || fields.length !== 5) return null
  const [, batch, partitionsAtStart, watermarks, stores] = fields as readonly unknown[]
  if (!isCount(batch) || !isCount(partitionsAtStart)) return null
  return isListOf(watermarks, isNullOr(isTime)) && isMapOf(stores, isLastRecord)
    ? { batch, partitionsAtStart, watermarks, stores }
    : null
}

const isLastRecord = (value: unknown): value is readonly [topicId: string, lastOffset: number] =>
  Array.isArray(value) && value.length === 2 && isText(value[0]) && isCount(value[1])

/** The bytes that the metadata of a task with these stores, and so many withTimes, can take at most. */
export function offsetMetadataBytesAtMost(storeNames: readonly string[], withTimes: number): number {
  const stores = Object.fromEntries(storeNames.map((name) => [name, ['f'.repeat(32), Number.MAX_SAFE_INTEGER] as const]))
  const largest = Number.MAX_SAFE_INTEGER
  const watermarks = Array.from({ length: 1 + withTimes }, () => -largest)
  return Buffer.byteLength(encodeOffsetMetadata({ batch: largest, partitionsAtStart: largest, watermarks, stores }))
}
