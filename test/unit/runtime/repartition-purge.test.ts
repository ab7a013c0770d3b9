/** P11: what is deleted of repartition topics was read by a transaction whose commit was answered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, stream, topology } from '../../../service/index.ts'
import { held } from '../../support/faulty-wire.ts'
import { type BedProcess, onBed, type ProcessBed } from '../../support/process-bed.ts'

const counts = topology(
  'numbers',
  stream('in', { value: json<number>() })
    .keyBy((number) => String(number % 3))
    .count('rests')
    .to('counts', { value: json() }),
)
const repartition = 'app-rests-repartition'

const deleted = ({ wire }: BedProcess): readonly number[] =>
  wire.of('DeleteRecords').flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)))

const processed = async (bed: ProcessBed, value: number) => {
  bed.send('in', { key: 'a', value })
  await bed.until('it is counted', () => bed.committed('counts').length === value + 1)
}

test('P11: what was read of repartition topics is deleted from time to time, and no further than was committed', () =>
  onBed({ topology: counts }, async (bed) => {
    const process = bed.start({ instanceId: 'a' })
    await bed.until('both tasks run', () => process.running.length === 2)
    for (const value of [0, 1, 2]) await processed(bed, value)
    const committed = bed.offset(repartition)
    assert.deepEqual(deleted(process), [])
    await bed.pass(31_000)
    await processed(bed, 3)
    await bed.until('it is deleted', () => deleted(process).length > 0)
    assert.deepEqual(deleted(process), [committed])
    await bed.pass(100)
    assert.equal(bed.kafka.records(repartition, 0, 'committed').count, 1)
  }))

test('P11: nothing is deleted for a transaction whose end is not answered', () =>
  onBed({ topology: counts }, async (bed) => {
    for (const instanceId of ['a', 'b']) bed.start({ instanceId })
    await bed.until('each has a task', () => bed.processes.every(({ running }) => running.length === 1))
    const reader = bed.processes.find(({ running }) => running.includes('1_0'))
    assert.ok(reader)
    await processed(bed, 0)
    await bed.pass(31_000)
    const end = held('hold')
    reader.wire.plan({ api: 'EndTxn', fault: end.fault })
    bed.send('in', { key: 'a', value: 1 })
    await bed.until('its end is under way', () => reader.wire.isOver)
    await bed.pass(1000)
    assert.deepEqual(deleted(reader), [])
    end.release()
    await bed.until('it is counted', () => bed.committed('counts').length === 2)
    await bed.until('it is deleted', () => deleted(reader).length > 0)
    assert.deepEqual(deleted(reader), [bed.offset(repartition)])
  }))
