/** Windows of batches are hopping windows over slots instead of event time: each kind of aggregate has its operator. */
import { FatalError } from '../errors.ts'
import type { BatchWindows } from '../topology/node.ts'
import { sharesSlices } from '../topology/window-text.ts'
import { AlignedWindows } from './aligned-windows.ts'
import type { AllRows } from './all-rows.ts'
import { HoppingWindows } from './hopping-windows.ts'
import { InverseWindows } from './inverse-windows.ts'
import { KeyedWindows } from './keyed-windows.ts'
import type { OpenRows } from './open-rows.ts'
import { slotTime } from './record-time.ts'
import type { StatefulOperator } from './stateful.ts'
import { fanOut } from './stateless.ts'
import type { WindowParts } from './window-parts.ts'

export function batchWindows(parts: WindowParts<BatchWindows> & { readonly open: OpenRows }): StatefulOperator & AllRows {
  const { node, view, input, everyMs, open } = parts
  if (everyMs === null) throw new FatalError('Defect in caudal: windows of batches without an interval.')
  const { length, slide } = node.windows
  const windows = {
    kind: 'aligned',
    sizeMs: length * everyMs,
    advanceMs: slide * everyMs,
    offsetMs: 0,
    graceMs: 0,
  } as const
  const { append, update } = parts.outlets
  // A window is shown when its last batch is over, whoever looks: there is nothing to show before that, and nothing is late.
  const rows = [append, update].flatMap((push) => push ?? [])
  const outlets = { ...parts.outlets, append: rows.length === 0 ? undefined : fanOut(rows), update: undefined, late: undefined }
  const own = { ...parts, outlets, time: slotTime, node: { ...node, windows } }
  if (node.remove !== undefined) return new KeyedWindows({ view, input, open, logic: new InverseWindows(own) })
  return sharesSlices(windows, node)
    ? new KeyedWindows({ view, input, open, logic: new HoppingWindows(own) })
    : new AlignedWindows(own)
}
