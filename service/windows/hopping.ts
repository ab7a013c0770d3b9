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

/** The end of the window that is next to close. */
export function nextEnd({ closed, older, newest }: HoppingState, windows: Hopping): number {
  let next = Number.POSITIVE_INFINITY
  for (const slice of older) {
    next = Math.min(next, firstOpenEnd(slice, closed, windows))
    // What came in time for all its windows is in none that ends before those of the slices behind it.
    if (slice.stamp === Number.NEGATIVE_INFINITY) return next
  }
  return Math.min(next, firstOpenEnd(newest, closed, windows))
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
export function openEnds(
  slice: Pick<HoppingSlice, 'start' | 'stamp'>,
  { closed }: HoppingState,
  windows: Hopping,
): readonly number[] {
  const ends: number[] = []
  const last = lastEnd(slice.start, windows)
  for (let end = firstOpenEnd(slice, closed, windows); end <= last; end += windows.advanceMs) ends.push(end)
  return ends
}

/** The state with the window that ends at `end`, and all before, closed; undefined where nothing is left. */
export function closeUpTo(end: number, state: HoppingState, { sizeMs, advanceMs }: Hopping): HoppingState | undefined {
  const nextStart = end + advanceMs - sizeMs
  const { older, newest } = state
  if (newest.start < nextStart) return undefined
  let gone = 0
  while (gone < older.length && (older[gone]?.start ?? nextStart) < nextStart) gone += 1
  return { closed: end, older: gone === 0 ? older : older.slice(gone), newest }
}

/** The state with that slice instead of the one of its start and stamp, if there is one, and `closed` as it is then. */
export function withSlice(slice: HoppingSlice, closed: number, state: HoppingState | undefined): HoppingState {
  if (state === undefined) return { closed, older: [], newest: slice }
  const { older, newest } = state
  const order = compare(slice, newest)
  if (order === 0) return { closed, older, newest: slice }
  if (order > 0) return { closed, older: [...older, newest], newest: slice }
  const index = placeOf(slice, older)
  return { closed, older: older.toSpliced(index, isAt(index, slice, older) ? 1 : 0, slice), newest }
}

/** The state without the slice of that start and stamp; undefined where nothing is left. */
export function withoutSlice(slice: Pick<HoppingSlice, 'start' | 'stamp'>, state: HoppingState): HoppingState | undefined {
  const { older, newest, closed } = state
  if (compare(slice, newest) !== 0) {
    const index = placeOf(slice, older)
    return isAt(index, slice, older) ? { closed, older: older.toSpliced(index, 1), newest } : state
  }
  const last = older.at(-1)
  return last === undefined ? undefined : { closed, older: older.slice(0, -1), newest: last }
}

/** The slice of that start and stamp; undefined where there is none. */
export function sliceAt(start: number, stamp: number, state: HoppingState | undefined): HoppingSlice | undefined {
  if (state === undefined) return undefined
  const { older, newest } = state
  if (newest.start === start && newest.stamp === stamp) return newest
  const index = placeOf({ start, stamp }, older)
  return isAt(index, { start, stamp }, older) ? older[index] : undefined
}

type Place = Pick<HoppingSlice, 'start' | 'stamp'>

const compare = (a: Place, b: Place): number => (a.start === b.start ? Math.sign(a.stamp - b.stamp || 0) : a.start - b.start)

const isAt = (index: number, place: Place, slices: readonly HoppingSlice[]): boolean => {
  const found = slices[index]
  return found !== undefined && compare(found, place) === 0
}

/** Where a slice stands, or would stand. From the end: most records are among the newest of their key. */
function placeOf(place: Place, slices: readonly HoppingSlice[]): number {
  let index = slices.length
  for (let before = slices[index - 1]; before !== undefined && compare(before, place) >= 0; before = slices[index - 1]) index -= 1
  return index
}

/** The end of the first open window that has the slice. */
const firstOpenEnd = ({ start, stamp }: Place, closed: number, windows: Hopping): number =>
  firstEnd(Math.max(start, stamp, closed), windows)
