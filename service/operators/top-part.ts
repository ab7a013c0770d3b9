/** What the operators of a top send, and what they make it of. */
import { keyDecoders, keyKindOf } from '../codec/text-keys.ts'
import type { RankedRow } from '../codec/top.ts'
import type { Push } from '../source/push.ts'
import { noProvenance, RecordInput, StreamRecord } from '../source/record.ts'
import type { Watermark } from '../time/watermark.ts'
import type { TopPartNode, Value } from '../topology/node.ts'
import type { AllRows } from './all-rows.ts'

export interface TopParts {
  readonly node: TopPartNode
  /** Of the task. */
  readonly partition: number
  /** Those that the top is of. */
  readonly rows: AllRows
  readonly input: Watermark
  /** To the task that merges. */
  readonly next: Push
}

export function rankedRow(value: Value, record: StreamRecord): RankedRow {
  return { key: record.keyLatin1 ?? '', keyKind: keyKindOf(record.input.keys) ?? 'o', value }
}

export function partRecord(timestamp: number): StreamRecord {
  const place = { topic: '', partition: -1, columns: null, first: 0 }
  const input = { ...place, timestamps: Float64Array.of(timestamp), keys: keyDecoders.s, provenance: noProvenance }
  return new StreamRecord(new RecordInput(input), 0, '')
}
