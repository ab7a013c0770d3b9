/** What an operator of windows is made of, whatever windows they are. */
import type { Decoder } from '../codec/codec.ts'
import type { Failed } from '../source/push.ts'
import type { StreamRecord } from '../source/record.ts'
import type { StateView } from '../state/state-view.ts'
import type { Watermark } from '../time/watermark.ts'
import type { Key, Value, WindowNode, WindowSpec } from '../topology/node.ts'
import type { RecordTime } from './record-time.ts'
import type { Outlets } from './window-rows.ts'

/** Without its state and its place in time: what the windows of a key are made of. */
export interface LogicParts<W extends WindowSpec = WindowSpec> {
  readonly node: WindowNode & { readonly windows: W }
  readonly time: RecordTime
  /** The interval of the trigger, ms; null where it has none. */
  readonly everyMs: number | null
  readonly failed: Failed
  readonly outlets: Outlets
  /** How the bytes of a key become the key again. */
  readonly keys: () => Decoder<Key>
  /** Counts a record that came too late for all of its windows, or for some. */
  readonly late: (record: StreamRecord, windows: 'all' | 'some') => void
  /** Counts a record that is in no session. */
  readonly outside: (record: StreamRecord) => void
}

/** A record that came too late for all of its windows is counted, and goes to whoever takes such. */
export function tooLate({ late, outlets }: Pick<LogicParts, 'late' | 'outlets'>, value: Value, record: StreamRecord): void {
  late(record, 'all')
  outlets.late?.(value, record)
}

export interface WindowParts<W extends WindowSpec = WindowSpec> extends LogicParts<W> {
  readonly view: StateView
  /** Of what comes in. */
  readonly input: Watermark
}
