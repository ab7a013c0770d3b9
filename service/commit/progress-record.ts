/** The progress record: what a task had done, written to each of its changelogs in the same transaction as its offsets (P10). */
import { isCount, isListOf, isMapOf, isNullOr, isObject, isText, isTime, type JsonObject } from '../json-shape.ts'

/** One source partition of the task. The topic's id tells a topic that was deleted and made again from the one that was read. */
export interface SourcePosition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** The next offset to be read. */
  readonly position: number
}

export interface ProgressRecord {
  readonly format: 1
  /** Counts the task's commits. */
  readonly batch: number
  readonly fingerprint: string
  /** That of the store which the changelog holds. */
  readonly store?: string
  /** The id of the changelog topic that holds this record. */
  readonly changelogId: string
  readonly positions: readonly SourcePosition[]
  /** The task's own watermark, in ms; null where there is none yet. */
  readonly watermark: number | null
  /** That of each withTime of the sub-topology, in the order of the graph; as `watermark`. */
  readonly withTimes?: readonly (number | null)[]
  /** By store, where its operator takes streams with different watermarks: the least of them, in ms. */
  readonly mergedWatermarks?: Readonly<Record<string, number>>
  /** Of each upstream task its last time in ms, or 'idle'. */
  readonly upstreamWatermarks: Readonly<Record<string, number | 'idle'>>
  /** Of each keyBy, the kind of its keys: rows of windows may come without a record that tells. */
  readonly keyKinds?: Readonly<Record<string, 's' | 'n' | 'b'>>
  /** Of a task that goes by slots: where the last one begins, in ms. */
  readonly slot?: number
}

export const encodeProgress = (record: ProgressRecord): Buffer => Buffer.from(JSON.stringify(record))

/** @throws TypeError where the bytes are no progress record of a format that is known here */
export function decodeProgress(bytes: Buffer): ProgressRecord {
  let record: unknown
  try {
    record = JSON.parse(bytes.toString())
  } catch (cause) {
    throw unknownFormat(bytes, cause)
  }
  if (!isObject(record) || !isProgress(record)) throw unknownFormat(bytes)
  return record
}

const unknownFormat = (bytes: Buffer, cause?: unknown) =>
  new TypeError(`a progress record of unknown format: ${bytes.subarray(0, 80).toString()}`, { cause })

/** A slot clock that was never read is infinitely early, for which JSON has null. */
function isProgress(record: JsonObject): record is JsonObject & ProgressRecord {
  const { format, batch, fingerprint, changelogId, positions, watermark, upstreamWatermarks } = record
  const { store = '', withTimes = [], mergedWatermarks = {}, keyKinds = {}, slot = 0 } = record
  return (
    format === 1 &&
    isCount(batch) &&
    isText(fingerprint) &&
    isText(store) &&
    isText(changelogId) &&
    isListOf(positions, isPosition) &&
    isNullOr(isTime)(watermark) &&
    isMapOf(upstreamWatermarks, isReport) &&
    isListOf(withTimes, isNullOr(isTime)) &&
    isMapOf(mergedWatermarks, isTime) &&
    isMapOf(keyKinds, isKeyKind) &&
    isNullOr(isTime)(slot)
  )
}

const isPosition = (value: unknown): value is SourcePosition =>
  isObject(value) &&
  isText(value['topic']) &&
  isText(value['topicId']) &&
  isCount(value['partition']) &&
  isCount(value['position'])

const isReport = (value: unknown): value is number | 'idle' => value === 'idle' || isTime(value)

const isKeyKind = (value: unknown): value is 's' | 'n' | 'b' => value === 's' || value === 'n' || value === 'b'
