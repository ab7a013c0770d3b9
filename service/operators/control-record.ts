/** Control records of repartition topics: how far an upstream task is in event time. Null value, one header. */
import { FatalError } from '../errors.ts'
import { parseTaskId, type TaskId, taskId } from '../task-id.ts'

export const controlHeaderName = 'caudal-control'

export interface ControlRecord {
  readonly kind: 'watermark' | 'idle' | 'end-of-run'
  readonly upstream: TaskId
  /** ms since 1970; −Infinity before the first record. */
  readonly time: number
}

// version (1 byte) | kind (1) | upstream: sub-topology (int32), partition (int32) | time (double)
const version = 1
const kinds = ['watermark', 'idle', 'end-of-run'] as const
const byteLength = 18

export function encodeControl({ kind, upstream, time }: ControlRecord): Buffer {
  const bytes = Buffer.allocUnsafe(byteLength)
  const { subtopology, partition } = parseTaskId(upstream)
  bytes[0] = version
  bytes[1] = kinds.indexOf(kind)
  bytes.writeInt32BE(subtopology, 2)
  bytes.writeInt32BE(partition, 6)
  bytes.writeDoubleBE(time, 10)
  return bytes
}

/** @throws FatalError for bytes of another version, kind or length */
export function decodeControl(bytes: Buffer): ControlRecord {
  const kind = kinds[bytes[1] ?? -1]
  if (bytes[0] !== version || bytes.length !== byteLength || kind === undefined) throw unreadable(bytes)
  const [subtopology, partition, time] = [bytes.readInt32BE(2), bytes.readInt32BE(6), bytes.readDoubleBE(10)]
  if (subtopology < 0 || partition < 0 || Number.isNaN(time)) throw unreadable(bytes)
  return { kind, upstream: taskId(subtopology, partition), time }
}

const unreadable = (bytes: Buffer) =>
  new FatalError(`A control record of a repartition topic has a ${controlHeaderName} header that this version cannot read.`, {
    fields: { header: bytes.toString('hex') },
  })
