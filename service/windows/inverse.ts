/** The values of a key slot by slot: how they come, and which of them leave as windows go on. */
import type { SlotValues } from '../codec/inverse.ts'

export type { InverseState, SlotValues } from '../codec/inverse.ts'

/** So many values are copied at most for one that comes. */
const pieceMax = 64

/** The slots with one more value in the newest, which begins at `start`. */
export function withValue(value: unknown, start: number, slots: readonly SlotValues[]): readonly SlotValues[] {
  const newest = slots.at(-1)
  if (newest === undefined || newest.start !== start) return [...slots, { start, pieces: [[value]] }]
  const piece = newest.pieces.at(-1) ?? []
  const pieces = piece.length < pieceMax ? [...newest.pieces.slice(0, -1), [...piece, value]] : [...newest.pieces, [value]]
  return [...slots.slice(0, -1), { start, pieces }]
}

/** Those that begin before `from`, and the others. */
export function parted(
  slots: readonly SlotValues[],
  from: number,
): { readonly leaving: readonly SlotValues[]; readonly staying: readonly SlotValues[] } {
  let leaving = 0
  while (leaving < slots.length && (slots[leaving]?.start ?? from) < from) leaving += 1
  return leaving === 0 ? { leaving: [], staying: slots } : { leaving: slots.slice(0, leaving), staying: slots.slice(leaving) }
}
