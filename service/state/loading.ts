/** Loads entries of a store in pieces of bounded size, some at a time. */
import { StoreUnavailableError } from '../errors.ts'
import type { CachedEntry } from './entry-cache.ts'
import { chunkBytesMax, chunkEntriesMax } from './store-backend.ts'

/** How many pieces are under way at once: enough to keep the connection busy, few enough not to time out in its queue. */
const piecesInFlightMax = 8

export interface Loader {
  readonly load: (keys: readonly Buffer[]) => Promise<readonly (Buffer | null)[]>
  readonly accept: (entry: CachedEntry, bytes: Buffer | null) => void
}

/** Resolves when all are loaded. Rejects when nothing is under way any more, with the worst that happened. */
export async function loadEntries(entries: readonly CachedEntry[], { load, accept }: Loader): Promise<void> {
  const failures: unknown[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < entries.length && failures.length === 0) {
      const piece = pieceFrom(entries, next)
      next += piece.length
      try {
        const values = await load(piece.map(({ key }) => Buffer.from(key, 'latin1')))
        for (const [index, entry] of piece.entries()) accept(entry, values[index] ?? null)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: piecesInFlightMax }, work))
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof StoreUnavailableError)) ?? failures[0]
}

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
