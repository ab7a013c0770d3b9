/** The topology of most tests on whole processes: of each number that comes in a copy, and the running sum of its key; and its check. */
import assert from 'node:assert/strict'
import { json, stream, topology } from '../../service/index.ts'
import type { ProcessBed } from './process-bed.ts'

const input = stream('in', { value: json<number>() })
const copy = input.to('copy', { value: json() })

const sums = input
  .byKey()
  .sum('total', (number) => number)
  .emit('update')
  .to('sums', { value: json() })

export const numbers = topology('numbers', [copy, sums])

/** The same in batches back to back. */
export const numbersAtOnce = topology('numbers', [copy, sums], { trigger: 'continuous' })

/** The same without a store. */
export const copies = topology('copies', copy)

/** Of each key every record once in the copy, in order, and the last of its sums right: nothing was lost, and nothing doubled. */
export function assertOnce(bed: ProcessBed): void {
  const sent = byKey(bed, 'in')
  assert.deepEqual(byKey(bed, 'copy'), sent)
  const last = new Map([...byKey(bed, 'sums')].map(([key, sums]) => [key, sums.at(-1)]))
  assert.deepEqual(last, new Map([...sent].map(([key, values]) => [key, values.reduce((sum, value) => sum + value, 0)])))
}

/** The committed numbers of a topic. */
export function byKey(bed: ProcessBed, topic: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  const partitions = bed.kafka.topics().find(({ name }) => name === topic)?.partitions ?? 0
  for (let partition = 0; partition < partitions; partition++) {
    for (const record of bed.committed(topic, partition)) {
      const [key = '', value] = record.split('=')
      found.set(key, [...(found.get(key) ?? []), Number(value)])
    }
  }
  return new Map([...found].toSorted(([one], [other]) => one.localeCompare(other)))
}
