/** Which windows are kept by key, and what they are; aligned ones of which each is kept by itself are in buckets instead. */
import { sharesSlices } from '../topology/window-text.ts'
import { batchesAsAligned } from './batch-windows.ts'
import { GapSessions } from './gap-sessions.ts'
import { HoppingWindows } from './hopping-windows.ts'
import { InverseWindows } from './inverse-windows.ts'
import type { KeyLogic } from './keyed-windows.ts'
import { MarkerSessions } from './marker-sessions.ts'
import { SlidingWindows } from './sliding-windows.ts'
import type { LogicParts } from './window-parts.ts'

/** What `use` makes of the logic of windows that are kept by key; undefined for others. */
export function keptByKey<R>({ node, ...parts }: LogicParts, use: <S>(logic: KeyLogic<S>) => R): R | undefined {
  const { windows } = node
  switch (windows.kind) {
    case 'aligned':
      return sharesSlices(windows, node) ? use(new HoppingWindows({ ...parts, node: { ...node, windows } })) : undefined
    case 'batches': {
      const overSlots = batchesAsAligned({ ...parts, node: { ...node, windows } })
      if (node.remove !== undefined) return use(new InverseWindows(overSlots))
      return sharesSlices(windows, node) ? use(new HoppingWindows(overSlots)) : undefined
    }
    case 'session': {
      const own = { ...parts, node: { ...node, windows } }
      const hasMarkers = windows.startsWith !== undefined || windows.endsWith !== undefined
      return hasMarkers ? use(new MarkerSessions(own)) : use(new GapSessions(own))
    }
    case 'sliding':
      return use(new SlidingWindows({ ...parts, node: { ...node, windows } }))
  }
}
