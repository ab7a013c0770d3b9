/** What a chunk of a fetched changelog says: writes for the store, and the last progress record. */
import { parseChangelogRecord, recordShape, shapeLength } from '../commit/changelog-record.ts'
import { decodeProgress, type ProgressRecord } from '../commit/progress-record.ts'
import { FatalError } from '../errors.ts'
import type { FetchedChunk } from '../kafka/fetcher.ts'
import type { RecordColumns } from '../kafka/records/record-columns.ts'
import type { StoreWrite, TakeRecord } from '../state/store-backend.ts'

export interface ChunkPlace {
  readonly topic: string
  readonly partition: number
}

interface ReadChunk {
  readonly writes: readonly StoreWrite[]
  readonly progress: ProgressRecord | null
}

/** The last write of each key, from the offset `from` on, and the last progress record of all of it. @throws FatalError for a record that is none of ours */
export function readChunk({ columns }: FetchedChunk, from: number, place: ChunkPlace): ReadChunk {
  const writes = new Map<string, StoreWrite>()
  let progress: ProgressRecord | null = null
  for (let i = 0; i < columns.count; i++) {
    const value = columns.value(i)
    const offset = columns.offsets[i] ?? 0
    try {
      const record = parseChangelogRecord(columns.key(i), value)
      if (record === 'progress') progress = value === null ? null : decodeProgress(value)
      else if (offset >= from) writes.set(columns.keyLatin1(i) ?? '', record)
    } catch (error) {
      throw unreadable(error, offset, place)
    }
  }
  return { writes: [...writes.values()], progress }
}

/**
 * The same, record by record and without an object for any of them: a store in memory is restored as fast as its entries can be made.
 * Returns the last progress record. @throws as readChunk, and whatever `take` throws
 */
export function handOver({ columns }: FetchedChunk, from: number, place: ChunkPlace, take: TakeRecord): ProgressRecord | null {
  let last = -1
  for (let i = 0; i < columns.count; i++) {
    const block = columns.valueBuffer(i)
    const start = columns.keyStart(i)
    const end = start + columns.keyLength(i)
    const shape = end > start ? block[start] : undefined
    const isKeyed = shape === recordShape.keyed
    const key = start + (isKeyed ? shapeLength.keyed : shapeLength.bucketed)
    if (shape === recordShape.progress) last = i
    else if (!isKeyed && (shape !== recordShape.bucketed || key > end)) refuse(columns, i, place)
    else if ((columns.offsets[i] ?? 0) >= from) {
      const bucket = isKeyed ? '' : block.toString('hex', start + 1, key)
      take(bucket, block, key, end, columns.valueLength(i) < 0 ? null : columns.valueStart(i), columns.valueEnd(i))
    }
  }
  const value = last < 0 ? null : columns.value(last)
  try {
    return value === null ? null : decodeProgress(value)
  } catch (error) {
    throw unreadable(error, columns.offsets[last] ?? 0, place)
  }
}

/** The one that parses says what is wrong with it. */
function refuse(columns: RecordColumns, i: number, place: ChunkPlace): void {
  try {
    parseChangelogRecord(columns.key(i), null)
  } catch (error) {
    throw unreadable(error, columns.offsets[i] ?? 0, place)
  }
}

function unreadable(error: unknown, offset: number, { topic, partition }: ChunkPlace): unknown {
  if (!(error instanceof TypeError || error instanceof SyntaxError)) return error
  const what = `${topic}-${partition} at offset ${offset}: ${error.message}: is that topic a changelog of this application?`
  return new FatalError(what, { cause: error })
}
