/** Loads entries of a store in pieces of bounded size, some at a time. */
import { StoreUnavailableError } from '../errors.ts'
import type { CachedEntry } from './entry-cache.ts'
import { chunkBytesMax, chunkEntriesMax, type EntryKey } from './store-backend.ts'

/** How many pieces are under way at once: enough to keep the connection busy, few enough not to time out in its queue. */
const piecesInFlightMax = 8

export interface Loader {
  readonly load: (keys: readonly EntryKey[]) => Promise<readonly (Buffer | null)[]>
  readonly accept: (entry: CachedEntry, bytes: Buffer | null) => void
}

export type Piece = () => Promise<void>

/** The entries in pieces, those of one bucket together: a look-up of many keys of one bucket costs little more than that of one. */
export function piecesOf(entries: readonly CachedEntry[], { load, accept }: Loader): readonly Piece[] {
  const isBucketed = entries.some(({ owner }) => owner.bytes !== null)
  const ordered = isBucketed ? entries.toSorted((a, b) => order(a.owner.time) - order(b.owner.time)) : entries
  const pieces: Piece[] = []
  for (let next = 0; next < ordered.length; ) {
    const piece = pieceFrom(ordered, next)
    next += piece.length
    pieces.push(async () => {
      const keys = piece.map(({ key, owner }) => ({ bucket: owner.bytes, key: Buffer.from(key, 'latin1') }))
      const values = await load(keys)
      for (const [index, entry] of piece.entries()) accept(entry, values[index] ?? null)
    })
  }
  return pieces
}

/** Resolves when all are loaded. Rejects when nothing is under way any more, with the worst that happened. */
export async function loadPieces(pieces: readonly Piece[]): Promise<void> {
  const failures: unknown[] = []
  const rest = pieces.values()
  const work = async (): Promise<void> => {
    for (const piece of rest) {
      await piece().catch((error: unknown) => failures.push(error))
      if (failures.length > 0) return
    }
  }
  await Promise.all(Array.from({ length: piecesInFlightMax }, work))
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof StoreUnavailableError)) ?? failures[0]
}

/** The keyed entries, which have no time, come first. */
const order = (time: number): number => (Number.isNaN(time) ? -Number.MAX_VALUE : time)

/** At least one entry; at most as many, in number and in bytes of keys, as a chunk has. */
function pieceFrom(entries: readonly CachedEntry[], start: number): readonly CachedEntry[] {
  let end = start
  let bytes = 0
  while (end < entries.length && end - start < chunkEntriesMax) {
    bytes += entries[end]?.key.length ?? 0
    if (end > start && bytes > chunkBytesMax) break
    end += 1
  }
  return entries.slice(start, end)
}
