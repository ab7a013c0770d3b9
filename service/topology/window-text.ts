/** Windows as text: for people, and for the fingerprint. */
import { durationText } from '../duration.ts'
import type { AlignedWindows, BatchWindows, WindowNode, WindowSpec } from './node.ts'

/** `tumbling 1 hour, grace 10 minutes`: kind and parameters, without those that are 0 or left out. */
export function windowsText(windows: WindowSpec): string {
  const graceMs = windows.kind === 'batches' ? 0 : windows.graceMs
  return [...parameters(windows), ...(graceMs > 0 ? [`grace ${durationText(graceMs)}`] : [])].join(', ')
}

function parameters(windows: WindowSpec): readonly string[] {
  switch (windows.kind) {
    case 'aligned': {
      const { advanceMs, offsetMs, rowSizeMs: sizeMs = windows.sizeMs } = windows
      const size = durationText(sizeMs)
      const offset = offsetMs > 0 ? [`offset ${durationText(offsetMs)}`] : []
      return [advanceMs === sizeMs ? `tumbling ${size}` : `hopping ${size} every ${durationText(advanceMs)}`, ...offset]
    }
    case 'batches':
      return [`batches ${windows.length} every ${windows.slide}`]
    case 'sliding':
      return [`sliding ${durationText(windows.spanMs)}`]
    case 'session': {
      const { gapMs, startsWith, endsWith, order } = windows
      const named = Object.entries({ startsWith, endsWith }).flatMap(([name, marker]) => (marker === undefined ? [] : [name]))
      return [
        gapMs === null ? 'session' : `session gap ${durationText(gapMs)}`,
        ...named,
        ...(order === 'arrival' ? ['order arrival'] : []),
      ]
    }
  }
}

/** Whether windows are kept as slices of time, which overlapping ones have in common, instead of each by itself. */
export const sharesSlices = (windows: AlignedWindows | BatchWindows, { merge }: Pick<WindowNode, 'merge'>): boolean =>
  merge !== undefined && (windows.kind === 'batches' ? windows.slide < windows.length : windows.advanceMs < windows.sizeMs)

/**
 * What must be the same for the state of windows to be the same state: kind and sizes, without grace; of hopping windows, whether they
 * share slices; of windows of batches, whether values leave them; of markers, that they are there.
 */
export function windowsLayout(windows: WindowSpec, functions: Pick<WindowNode, 'merge' | 'remove'>): string {
  switch (windows.kind) {
    case 'aligned': {
      const { sizeMs, advanceMs, offsetMs } = windows
      const slices = sharesSlices(windows, functions) ? { slices: true } : {}
      return JSON.stringify({ aligned: [sizeMs, advanceMs, offsetMs], ...slices })
    }
    case 'batches': {
      const inverse = functions.remove !== undefined
      const state = inverse ? { inverse } : sharesSlices(windows, functions) ? { slices: true } : {}
      return JSON.stringify({ batches: [windows.length, windows.slide], ...state })
    }
    case 'sliding':
      return JSON.stringify({ sliding: windows.spanMs })
    case 'session': {
      const { gapMs, startsWith, endsWith, order } = windows
      return JSON.stringify({
        session: gapMs,
        startsWith: startsWith !== undefined,
        endsWith: endsWith !== undefined,
        order,
      })
    }
  }
}
