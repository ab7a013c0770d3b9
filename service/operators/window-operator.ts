/** The operator of each kind of windows. */
import { sharesSlices } from '../topology/window-text.ts'
import { AlignedWindows } from './aligned-windows.ts'
import type { AllRows } from './all-rows.ts'
import { batchWindows } from './batch-windows.ts'
import { GapSessions } from './gap-sessions.ts'
import { HoppingWindows } from './hopping-windows.ts'
import { KeyedWindows } from './keyed-windows.ts'
import { MarkerSessions } from './marker-sessions.ts'
import { OpenRows } from './open-rows.ts'
import { SlidingWindows } from './sliding-windows.ts'
import type { StatefulOperator } from './stateful.ts'
import type { WindowParts } from './window-parts.ts'

export function windowOperator({ node, ...parts }: WindowParts): StatefulOperator & AllRows {
  const { windows } = node
  const { view, input } = parts
  const open = new OpenRows({ node, outlets: parts.outlets, keys: parts.keys })
  switch (windows.kind) {
    case 'aligned': {
      const own = { ...parts, node: { ...node, windows } }
      return sharesSlices(windows, node)
        ? new KeyedWindows({ view, input, open, logic: new HoppingWindows(own) })
        : new AlignedWindows(own)
    }
    case 'session': {
      const { startsWith, endsWith } = windows
      const own = { ...parts, node: { ...node, windows } }
      if (startsWith === undefined && endsWith === undefined)
        return new KeyedWindows({ view, input, open, logic: new GapSessions(own) })
      return new KeyedWindows({ view, input, open, logic: new MarkerSessions(own) })
    }
    case 'batches':
      return batchWindows({ ...parts, open, node: { ...node, windows } })
    case 'sliding':
      return new KeyedWindows({ view, input, open, logic: new SlidingWindows({ ...parts, node: { ...node, windows } }) })
  }
}
