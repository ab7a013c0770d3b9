/** Windows as text: for people, and for the fingerprint. */
import { durationText } from '../duration.ts'
import type { WindowNode, WindowSpec } from './node.ts'

/** `tumbling 1 hour, grace 10 minutes`: kind and parameters, without those that are 0 or left out. */
export function windowsText(windows: WindowSpec): string {
  const { graceMs } = windows
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

/**
 * What must be the same for the state of windows to be the same state: kind and sizes, without grace. Hopping windows may be kept as
 * slices where their aggregates can be merged or subtracted, so that belongs to it; of markers, that they are there.
 */
export function windowsLayout(windows: WindowSpec, { remove, merge }: Pick<WindowNode, 'remove' | 'merge'>): string {
  switch (windows.kind) {
    case 'aligned': {
      const { sizeMs, advanceMs, offsetMs } = windows
      const slices = { remove: remove !== undefined, merge: merge !== undefined }
      return JSON.stringify({ aligned: [sizeMs, advanceMs, offsetMs], ...(advanceMs < sizeMs ? slices : {}) })
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
