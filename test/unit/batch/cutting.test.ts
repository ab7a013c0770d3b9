import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut, type Reservoir } from '../../../service/batch/cutting.ts'
import type { TaskId } from '../../../service/task-id.ts'
import { columnsOf } from '../operators/tasks.ts'

const bytesEach = 10
let consumed = 0

/** A feed with chunks of so many records; each record's value has ten bytes. */
function feed(partition: number, ...counts: readonly number[]): Reservoir {
  let end = 0
  const chunks = counts.map((count) => {
    const columns = columnsOf(
      Array.from({ length: count }, () => ({ value: 'x'.repeat(bytesEach) })),
      end,
    )
    end += count + 1 // As if a control record stood behind each chunk.
    return { columns, nextOffset: end, byteLength: count * bytesEach }
  })
  return { topic: 't', partition, chunks, consumed: (bytes) => void (consumed += bytes) }
}
const limits = { recordsMax: 1000, bytesMax: 1e9 }
const shown = (slices: ReturnType<typeof cut>['slices']) =>
  [...slices.values()].flat().map(({ partition, from, to, nextOffset }) => `${partition}: ${from}-${to} >${nextOffset}`)

test('everything is taken where it fits, chunk by chunk, and counted as consumed', () => {
  consumed = 0
  const feeds = new Map<TaskId, Reservoir[]>([
    ['0_0', [feed(0, 3, 2)]],
    ['0_1', [feed(1, 1)]],
  ])
  const { slices, leftover } = cut(feeds, limits)
  assert.deepEqual(shown(slices), ['0: 0-3 >4', '0: 0-2 >7', '1: 0-1 >2'])
  assert.equal(leftover, false)
  assert.equal(consumed, 60)
  assert.equal(cut(feeds, limits).slices.size, 0)
})

test('partitions get equal shares, and what one does not need goes to the others', () => {
  const feeds = new Map<TaskId, Reservoir[]>([
    ['0_0', [feed(0, 100), feed(10, 1)]],
    ['0_1', [feed(1, 100)]],
  ])
  const { slices, leftover } = cut(feeds, { ...limits, recordsMax: 21 })
  assert.deepEqual(shown(slices), ['0: 0-10 >10', '10: 0-1 >2', '1: 0-10 >10'])
  assert.equal(leftover, true)
})

test('what was left over is cut next, without a gap', () => {
  consumed = 0
  const feeds = new Map<TaskId, Reservoir[]>([['0_0', [feed(0, 5)]]])
  const parts = [2, 2, 2].map((recordsMax) => cut(feeds, { ...limits, recordsMax }))
  assert.deepEqual(
    parts.flatMap(({ slices }) => shown(slices)),
    ['0: 0-2 >2', '0: 2-4 >4', '0: 4-5 >6'],
  )
  assert.deepEqual(
    parts.map(({ leftover }) => leftover),
    [true, true, false],
  )
  assert.equal(consumed, 50)
})

test('bytes are bounded over all partitions', () => {
  const feeds = new Map<TaskId, Reservoir[]>([
    ['0_0', [feed(0, 100)]],
    ['0_1', [feed(1, 100)]],
  ])
  const { slices } = cut(feeds, { ...limits, bytesMax: 75 })
  const records = [...slices.values()].flat().reduce((sum, { from, to }) => sum + to - from, 0)
  assert.equal(records, 7)
})

test('a record larger than the bound is taken alone, and another partition’s the next time', () => {
  const feeds = new Map<TaskId, Reservoir[]>([
    ['0_0', [feed(0, 2)]],
    ['0_1', [feed(1, 2)]],
  ])
  const taken = [0, 1].map((turn) => shown(cut(feeds, { ...limits, bytesMax: 3, turn }).slices))
  assert.deepEqual(taken, [['0: 0-1 >1'], ['1: 0-1 >1']])
})

test('a chunk without records moves the position', () => {
  const feeds = new Map<TaskId, Reservoir[]>([['0_0', [feed(0, 0, 1)]]])
  assert.deepEqual(shown(cut(feeds, limits).slices), ['0: 0-0 >1', '0: 0-1 >3'])
})
