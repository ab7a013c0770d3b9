import assert from 'node:assert/strict'
import { it } from 'node:test'
import { StoreLostError } from '../../../service/errors.ts'
import { chunksOf } from '../../../service/state/chunks.ts'
import { chunkBytesMax, type StoreWrite, writeBytes } from '../../../service/state/store-backend.ts'

const write = (bytes: number): StoreWrite => ({ bucket: null, key: Buffer.from('k'), value: Buffer.alloc(bytes) })
const writes = (count: number, bytes = 1): StoreWrite[] => Array.from({ length: count }, () => write(bytes))
const at = (position: number, chunk = 0) => ({ position, chunk })

it('one chunk leads from marker to marker', () => {
  const all = writes(3)
  assert.deepEqual(chunksOf(at(4), { to: 9, writes: all }), [{ from: at(4), to: at(9), writes: all }])
})

it('no writes move the marker all the same; no way and no writes is nothing', () => {
  assert.deepEqual(chunksOf(at(4), { to: 5, writes: [] }), [{ from: at(4), to: at(5), writes: [] }])
  assert.deepEqual(chunksOf(at(4, 2), { to: 5, writes: [] }), [{ from: at(4, 2), to: at(5), writes: [] }])
  assert.deepEqual(chunksOf(at(4), { to: 4, writes: [] }), [])
})

it('chunks are numbered, and the last one ends at the position', () => {
  const chunks = chunksOf(at(4), { to: 9, writes: writes(2500) })
  assert.deepEqual(
    chunks.map(({ from, to, writes: { length } }) => [from, to, length]),
    [
      [at(4), at(4, 1), 1000],
      [at(4, 1), at(4, 2), 1000],
      [at(4, 2), at(9), 500],
    ],
  )
})

it('goes on from a chunk in the middle of a segment', () => {
  const chunks = chunksOf(at(4, 7), { to: 9, writes: writes(1001) })
  assert.deepEqual(
    chunks.map(({ from, to }) => [from, to]),
    [
      [at(4, 7), at(4, 8)],
      [at(4, 8), at(9)],
    ],
  )
})

it('no chunk is above the limit in bytes, but for a single write that is', () => {
  const all = [...writes(5, 100_000), write(chunkBytesMax), write(1), ...writes(1000, 400)]
  const chunks = chunksOf(at(0), { to: 1, writes: all })
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.writes),
    all,
  )
  for (const { writes: piece } of chunks) {
    assert.ok(piece.length === 1 || piece.reduce((sum, each) => sum + writeBytes(each), 0) <= chunkBytesMax)
  }
})

it('all chunks tell the leader epoch, the last one alone when its end was that of the changelog', () => {
  const chunks = chunksOf(at(4), { to: 9, writes: writes(1001), leaderEpoch: 3, currentAt: 77 })
  assert.deepEqual(
    chunks.map(({ leaderEpoch, currentAt }) => [leaderEpoch, currentAt]),
    [
      [3, undefined],
      [3, 77],
    ],
  )
})

it('a store ahead of its changelog is lost', () => {
  assert.throws(() => chunksOf(at(5), { to: 4, writes: [] }), StoreLostError)
  assert.throws(() => chunksOf(at(5, 1), { to: 5, writes: [] }), StoreLostError)
})
