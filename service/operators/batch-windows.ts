/** Windows of batches are aligned windows over slots instead of event time. */
import { FatalError } from '../errors.ts'
import type { AlignedWindows, BatchWindows } from '../topology/node.ts'
import { slotTime } from './record-time.ts'
import { fanOut } from './stateless.ts'
import type { LogicParts } from './window-parts.ts'

export function batchesAsAligned<P extends LogicParts<BatchWindows>>(parts: P): Omit<P, 'node'> & LogicParts<AlignedWindows> {
  const { node, everyMs } = parts
  if (everyMs === null) throw new FatalError('Defect in caudal: windows of batches without an interval.')
  const { length, slide } = node.windows
  const [sizeMs, advanceMs] = [length * everyMs, slide * everyMs]
  const windows = { kind: 'aligned', sizeMs, advanceMs, offsetMs: 0, graceMs: 0 } as const
  const { append, update } = parts.outlets
  // A window is shown when its last batch is over, whoever looks: there is nothing to show before that, and nothing is late.
  const rows = [append, update].flatMap((push) => push ?? [])
  const outlets = { ...parts.outlets, append: rows.length === 0 ? undefined : fanOut(rows), update: undefined, late: undefined }
  return { ...parts, outlets, time: slotTime, node: { ...node, windows } }
}
