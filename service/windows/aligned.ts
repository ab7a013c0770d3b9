/** Where aligned windows lie: tumbling and hopping ones, half-open, told apart by their ends. */
import type { AlignedWindows } from '../topology/node.ts'

type Alignment = Pick<AlignedWindows, 'sizeMs' | 'advanceMs' | 'offsetMs'>

/** The end of the first window that holds `time`; those of the others follow it by `advanceMs` each. */
export function firstEnd(time: number, { sizeMs, advanceMs, offsetMs }: Alignment): number {
  // The least end above `time`: ends lie at offset + size + k × advance.
  return Math.floor((time - offsetMs - sizeMs) / advanceMs) * advanceMs + offsetMs + sizeMs + advanceMs
}

/** The end of the last window that holds `time`: the one that begins at it or before. */
export const lastEnd = (time: number, { sizeMs, advanceMs, offsetMs }: Alignment): number =>
  Math.floor((time - offsetMs) / advanceMs) * advanceMs + offsetMs + sizeMs
