/** Cuts a segment of a changelog into the chunks that a store applies one by one. */
import { StoreLostError } from '../errors.ts'
import {
  type Chunk,
  chunkBytesMax,
  chunkEntriesMax,
  type Marker,
  type MarkerFacts,
  type StoreWrite,
  writeBytes,
} from './store-backend.ts'

/** What follows in a changelog, up to `to`; the facts are those at its end. */
export interface Stretch extends MarkerFacts {
  readonly to: number
  readonly writes: readonly StoreWrite[]
}

/**
 * Chunks that lead from the marker `from` to the marker {to, 0}, within the limits of the port (a write above them stands alone). A
 * segment without writes is one chunk that moves the marker; one that leads nowhere is none.
 * @throws StoreLostError where the store is ahead of its changelog
 */
export function chunksOf(from: Marker, { to, writes, leaderEpoch, currentAt }: Stretch): readonly Chunk[] {
  if (to < from.position || (to === from.position && from.chunk > 0))
    throw new StoreLostError(`The store stands at ${from.position}:${from.chunk}, ahead of its changelog, which ends at ${to}.`, {
      fields: { ...from, to },
    })
  if (to === from.position && writes.length === 0) return []
  const pieces = piecesOf(writes)
  let at = from
  return pieces.map((piece, index) => {
    const isLast = index === pieces.length - 1
    const next = isLast ? { position: to, chunk: 0 } : { position: from.position, chunk: at.chunk + 1 }
    const epoch = leaderEpoch === undefined ? {} : { leaderEpoch }
    // Before the last chunk the store lacks what follows in the changelog.
    const current = isLast && currentAt !== undefined ? { currentAt } : {}
    const chunk = { from: at, to: next, writes: piece, ...epoch, ...current }
    at = next
    return chunk
  })
}

/** At least one piece, though it be empty. */
function piecesOf(writes: readonly StoreWrite[]): readonly (readonly StoreWrite[])[] {
  const pieces: (readonly StoreWrite[])[] = []
  let start = 0
  let bytes = 0
  for (const [index, write] of writes.entries()) {
    const size = writeBytes(write)
    if (index > start && (index - start === chunkEntriesMax || bytes + size > chunkBytesMax)) {
      pieces.push(writes.slice(start, index))
      start = index
      bytes = 0
    }
    bytes += size
  }
  pieces.push(writes.slice(start))
  return pieces
}
