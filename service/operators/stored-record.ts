/** Records that wait in a state: taken out of a batch, and put into a later one. */
import type { Decoder } from '../codec/codec.ts'
import type { StoredRecord } from '../codec/stored-records.ts'
import { RecordInput, Stamps, StreamRecord } from '../source/record.ts'
import type { Key, Value } from '../topology/node.ts'

export function storedRecord(value: Value, record: StreamRecord): StoredRecord {
  const { timestamp: time, stamp, origin, rawHeaders: headers } = record
  return { time, stamp, origin, headers, value }
}

/** The record as it was, but for its bytes. `key`: as Latin-1. */
export function restoredRecord({ time, stamp, origin, headers }: StoredRecord, key: string, keys: Decoder<Key>): StreamRecord {
  const stamps = new Stamps()
  if (stamp > Number.NEGATIVE_INFINITY) stamps.set(0, stamp)
  const input = new RecordInput({
    topic: origin?.topic ?? '',
    partition: origin?.partition ?? -1,
    columns: null,
    timestamps: Float64Array.of(time),
    first: 0,
    keys,
    provenance: { origin: () => origin, headers: () => headers },
    stamps,
  })
  return new StreamRecord(input, 0, key)
}
