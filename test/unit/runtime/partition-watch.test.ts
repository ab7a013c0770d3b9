/** An input that gets partitions while the topology runs, or while nobody does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../../service/errors.ts'
import { json, stream, topology } from '../../../service/index.ts'
import { byKey, copies, numbers } from '../../support/numbers.ts'
import { onBed, type ProcessBed, running } from '../../support/process-bed.ts'

const wayOut = /another application id.*keyBy in front of the state/

test('stops a topology with state on its keys, and says how to go on', () =>
  onBed({ topology: numbers, partitions: 2 }, async (bed) => {
    const process = bed.start({ instanceId: null })
    await bed.until('it runs', running(bed, 2))
    bed.kafka.addPartitions('in', 3)
    await bed.until('it has ended', () => process.outcome !== null)
    assert.equal(process.outcome?.exitCode, 1)
    assert.match(process.fault, /Topic in had 2 partitions, and has 3 now: .*\(total\)/)
    assert.match(process.fault, wayOut)
  }))

test('which does not start again either', () =>
  onBed({ topology: numbers, partitions: 2 }, async (bed) => {
    bed.kafka.addPartitions('in', 3)
    await assert.rejects(bed.prepare(numbers), (error) => {
      assert.ok(error instanceof ConfigurationError)
      const text = error.defects.join()
      assert.match(text, /app-total-changelog has 2 partitions, the topology needs 3: partitions were added to its input/)
      assert.match(text, wayOut)
      return true
    })
  }))

/** Starts a process anew, with what it finds now. */
const startsAgain = async (bed: ProcessBed, topology: Parameters<ProcessBed['prepare']>[0]) =>
  bed.start({ instanceId: null, prepared: await bed.prepare(topology) })

test('is told to one without state, which reads them after a restart', () =>
  onBed({ topology: copies, partitions: 2 }, async (bed) => {
    const process = bed.start({ instanceId: null })
    await bed.until('it runs', running(bed, 2))
    bed.kafka.addPartitions('in', 3)
    bed.send('in', { key: 'a', value: 1, partition: 2 })
    const told = () => process.logged.filter(({ message }) => message.includes('partitions were added to an input'))
    await bed.until('it is told', () => told().length > 0)
    await bed.pass(90_000)
    assert.equal(told().length, 1)
    await bed.stop(process)
    await startsAgain(bed, copies)
    await bed.drained('in', 3)
    assert.deepEqual(byKey(bed, 'copy').get('a'), [1])
  }))

test('harms no state behind a keyBy', () => {
  const keyed = topology(
    'keyed',
    stream('in', { value: json<number>() })
      .keyBy((number) => number % 5)
      .count('counts')
      .emit('update')
      .to('copy', { value: json(), keyOf: (_, { key }) => String(key) }),
  )
  return onBed({ topology: keyed, partitions: 2 }, async (bed) => {
    const send = (partition: number) => {
      for (let value = 0; value < 10; value++) bed.send('in', { key: 'any', value, partition })
    }
    const process = bed.start({ instanceId: null })
    send(0)
    await bed.drained('in', 2)
    bed.kafka.addPartitions('in', 3)
    send(2)
    await bed.stop(process)
    await startsAgain(bed, keyed)
    await bed.drained('in', 3)
    const last = () => ['0', '1', '2', '3', '4'].map((key) => byKey(bed, 'copy').get(key)?.at(-1))
    await bed.until('all is counted', () => last().every((count) => count === 4))
  })
})
