/**
 * Where sliding windows lie: for each record at t, [t − span, t] and [t + 1, t + 1 + span]. Both kinds are told apart by their end e, and
 * hold the times from e − span to e. A slice is what a key has of the records of one time.
 */
import type { SlidingWindows } from '../topology/node.ts'
import type { Slice, SlidingState } from '../codec/sliding.ts'

export type { Slice, SlidingState } from '../codec/sliding.ts'
type Sliding = Pick<SlidingWindows, 'spanMs' | 'graceMs'>

/** The end of the window that is next to close, though it may be empty; Infinity where there is none. */
export function nextEnd({ closed, slices }: SlidingState, { spanMs }: Sliding): number {
  const [first] = slices
  if (first === undefined) return Number.POSITIVE_INFINITY
  const next = slices[firstAfter(closed, slices)]
  return Math.min(first.time + 1 + spanMs, next?.time ?? Number.POSITIVE_INFINITY)
}

/** The slices in the window that ends at `end`; none where there is no such window. */
export function contentOf(end: number, { slices }: SlidingState, { spanMs, graceMs }: Sliding): readonly Slice[] {
  const from = firstAfter(end - spanMs - 1, slices)
  const content = slices.slice(from, firstAfter(end, slices)).filter(({ stamp }) => stamp <= end + graceMs)
  const exists = content.at(-1)?.time === end || slices[from - 1]?.time === end - spanMs - 1
  return exists ? content : []
}

/** What a batch did to the slices of a key: those that it made or changed, and the times that it had not had. */
export interface SliceChanges {
  readonly changed: readonly Slice[]
  readonly begun: readonly number[]
}

/** The ends of the open windows that changed slices are in, or that new times begin, in order; some may be empty. */
export function endsAround(
  { changed, begun }: SliceChanges,
  { closed, slices }: SlidingState,
  { spanMs }: Sliding,
): readonly number[] {
  const ends = new Set(begun.map((time) => time + 1 + spanMs))
  for (const { time } of slices) for (const end of [time, time + 1 + spanMs]) if (isAround(end, changed, spanMs)) ends.add(end)
  return [...ends].filter((end) => end > closed).sort((a, b) => a - b)
}

/** The state with the window that ends at `end`, and all before, closed. */
export function closeUpTo(end: number, { slices }: SlidingState, { spanMs }: Sliding): SlidingState {
  return { closed: end, slices: slices.slice(firstAfter(end - spanMs - 1, slices)) }
}

/** Where the slice of that time and stamp stands, or would stand. */
export function placeOf(
  time: number,
  stamp: number,
  slices: readonly Slice[],
): { readonly index: number; readonly slice: Slice | undefined } {
  let index = slices.length
  // From the end: most records are the newest of their key.
  for (let before = slices[index - 1]; before !== undefined; before = slices[index - 1]) {
    if (before.time < time || (before.time === time && before.stamp < stamp)) break
    index -= 1
  }
  const found = slices[index]
  return { index, slice: found !== undefined && found.time === time && found.stamp === stamp ? found : undefined }
}

const isAround = (end: number, changed: readonly Slice[], spanMs: number): boolean =>
  changed.some(({ time }) => time <= end && time >= end - spanMs)

/** The index of the first slice of a later time. */
function firstAfter(time: number, slices: readonly Slice[]): number {
  let low = 0
  let high = slices.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((slices[middle]?.time ?? time) <= time) low = middle + 1
    else high = middle
  }
  return low
}
