/** The operator of windows: by key, or each window by itself. */
import { FatalError } from '../errors.ts'
import { AlignedWindows } from './aligned-windows.ts'
import type { AllRows } from './all-rows.ts'
import { batchesAsAligned } from './batch-windows.ts'
import { keptByKey } from './kept-by-key.ts'
import { KeyedWindows } from './keyed-windows.ts'
import { OpenRows } from './open-rows.ts'
import type { StatefulOperator } from './stateful.ts'
import type { WindowParts } from './window-parts.ts'

export function windowOperator(parts: WindowParts): StatefulOperator & AllRows {
  const { node, view, input, outlets, keys } = parts
  const open = new OpenRows({ node, outlets, keys })
  const byKey = keptByKey(parts, (logic) => new KeyedWindows({ view, input, open, logic }))
  return byKey ?? eachByItself(parts)
}

function eachByItself({ node, ...parts }: WindowParts): StatefulOperator & AllRows {
  const { windows } = node
  if (windows.kind === 'aligned') return new AlignedWindows({ ...parts, node: { ...node, windows } })
  if (windows.kind !== 'batches') throw new FatalError(`Defect in caudal: ${windows.kind} windows are kept by key.`)
  const { view, input } = parts
  return new AlignedWindows({ ...batchesAsAligned({ ...parts, node: { ...node, windows } }), view, input })
}
