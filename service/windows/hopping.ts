/**
 * Where hopping windows lie that share slices: time is cut where a window begins and where one ends, so that a slice is in a window as a
 * whole or not at all, and there are two at most an advance ("paired windows"; Krishnamurthy, Wu, Franklin: On-the-fly sharing for
 * streamed aggregation).
 */
import type { HoppingSlice, HoppingState } from '../codec/hopping.ts'
import type { AlignedWindows } from '../topology/node.ts'
import { firstEnd, lastEnd } from './aligned.ts'

export type { HoppingSlice, HoppingState } from '../codec/hopping.ts'
type Hopping = Pick<AlignedWindows, 'sizeMs' | 'advanceMs' | 'offsetMs'>

/** The first moment of the slice that `time` is in. */
export function sliceStart(time: number, { sizeMs, advanceMs, offsetMs }: Hopping): number {
  const begin = Math.floor((time - offsetMs) / advanceMs) * advanceMs + offsetMs
  const end = begin + (sizeMs % advanceMs)
  return time < end ? begin : end
}

/** The values of the slices in the window that ends at `end`, in the order of time. */
export function contentOf(end: number, state: HoppingState, { sizeMs }: Hopping): readonly unknown[] {
  const values: unknown[] = []
  const isIn = ({ start, stamp }: HoppingSlice) => start >= end - sizeMs && start < end && stamp < end
  for (const slice of state.older) if (isIn(slice)) values.push(slice.value)
  if (isIn(state.newest)) values.push(state.newest.value)
  return values
}

/** The ends of the open windows that have the slice. */
export function openEnds(slice: Place, { next }: HoppingState, windows: Hopping): readonly number[] {
  const ends: number[] = []
  const last = lastEnd(slice.start, windows)
  for (let end = firstEndOf(slice, next - 1, windows); end <= last; end += windows.advanceMs) ends.push(end)
  return ends
}

/** The state with its next window closed; undefined where nothing is left. */
export function closeNext({ next, older, newest }: HoppingState, windows: Hopping): HoppingState | undefined {
  const nextStart = next + windows.advanceMs - windows.sizeMs
  const left = [...older, newest].filter(({ start }) => start >= nextStart)
  return stateOf(left, next, windows)
}

/** What a record makes of the slice that it goes into. */
export interface SliceChange extends Place {
  /** Undefined where nothing is left of the slice. */
  readonly value: unknown
  /** All windows that end here or before have closed. */
  readonly closed: number
}

/** Undefined where nothing is left of the state. */
export function withChange(change: SliceChange, state: HoppingState | undefined, windows: Hopping): HoppingState | undefined {
  const { start, stamp, value, closed } = change
  const slice = value === undefined ? undefined : { start, stamp, value }
  if (slice === undefined || state === undefined) return stateOf(replaced(change, slice, slicesOf(state)), closed, windows)
  const { next, older, newest } = state
  if (isSame(newest, slice)) return { next, older, newest: slice }
  const others = replaced(change, slice, slicesOf(state))
  return { next: Math.min(next, firstEndOf(slice, closed, windows)), older: others.slice(0, -1), newest: others.at(-1) ?? slice }
}

/** The slice of that start and stamp; undefined where there is none. */
export function sliceAt(place: Place, state: HoppingState | undefined): HoppingSlice | undefined {
  if (state === undefined || isSame(state.newest, place)) return state?.newest
  const { older } = state
  const found = older[placeOf(place, older)]
  return found !== undefined && isSame(found, place) ? found : undefined
}

type Place = Pick<HoppingSlice, 'start' | 'stamp'>

const slicesOf = (state: HoppingState | undefined): readonly HoppingSlice[] =>
  state === undefined ? [] : [...state.older, state.newest]

/** Windows that end at `closed` or before have closed. Undefined without slices. */
function stateOf(slices: readonly HoppingSlice[], closed: number, windows: Hopping): HoppingState | undefined {
  const newest = slices.at(-1)
  if (newest === undefined) return undefined
  let next = Number.POSITIVE_INFINITY
  for (const slice of slices) {
    next = Math.min(next, firstEndOf(slice, closed, windows))
    // What came in time for all its windows is in none that ends before those of the slices behind it.
    if (slice.stamp === Number.NEGATIVE_INFINITY) break
  }
  return { next, older: slices.slice(0, -1), newest }
}

/** The slices with `slice` instead of the one at `place`, if there is one; without that one where `slice` is undefined. */
function replaced(place: Place, slice: HoppingSlice | undefined, slices: readonly HoppingSlice[]): readonly HoppingSlice[] {
  const index = placeOf(place, slices)
  const found = slices[index]
  const gone = found !== undefined && isSame(found, place) ? 1 : 0
  return slices.toSpliced(index, gone, ...(slice === undefined ? [] : [slice]))
}

const isSame = (a: Place, b: Place): boolean => a.start === b.start && a.stamp === b.stamp

/** Where a slice stands, or would stand. From the end: most records are among the newest of their key. */
function placeOf({ start, stamp }: Place, slices: readonly HoppingSlice[]): number {
  let index = slices.length
  for (let before = slices[index - 1]; before !== undefined; before = slices[index - 1]) {
    if (before.start < start || (before.start === start && before.stamp < stamp)) break
    index -= 1
  }
  return index
}

/** The end of the first window that has the slice and is not closed. */
const firstEndOf = ({ start, stamp }: Place, closed: number, windows: Hopping): number =>
  firstEnd(Math.max(start, stamp, closed), windows)
