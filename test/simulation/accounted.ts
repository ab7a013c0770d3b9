/** I11: a topology in which every record is processed, late, set aside or skipped, and one of these once. */
import assert from 'node:assert/strict'
import { hopping, json, stream, topology, type Windowed } from '../../service/index.ts'
import { groupOf, type SimulatedTopology, type Timed, upTo, valuesOf } from './simulated-topology.ts'

const sizeMs = 60

type Fate = 'skipped' | 'dead-lettered' | 'taken'
const fateOf = (n: number): Fate => (n % 5 === 0 ? 'skipped' : n % 4 === 0 ? 'dead-lettered' : 'taken')

export function accounted(): SimulatedTopology {
  const input = stream('in', {
    value: json<Timed>(),
    time: ({ n }) => n * 10,
    lateness: 10,
    idleAfter: '2 seconds',
    onInvalid: 'skip',
  })
  const windows = input
    .map((record) => {
      if (fateOf(record.n) === 'dead-lettered') throw new RangeError(`${record.n} is not for us`)
      return record
    })
    .keyBy(({ key }) => groupOf(key))
    .window(hopping(sizeMs, sizeMs))
    .aggregate('taken', { initial: (): readonly string[] => [], add: (names, { key, n }) => [...names, `${key}${n}`] })
  return {
    name: 'accounted',
    topology: topology(
      'sim',
      [windows.emit('update').to('updates', { value: json() }), windows.late().to('late', { value: json() })],
      { onError: 'dead-letter', deadLetterTopic: 'dead' },
    ),
    inputs: ['in'],
    outputs: ['updates', 'late', 'dead'],
    survivesLostOffsets: false,
    record: (key, n) => {
      const value = { n, key }
      return { topic: 'in', key, value, ...(fateOf(n) === 'skipped' ? { text: '{' } : {}) }
    },
    check(outputs, last) {
      const named = (records: readonly Timed[]) => records.map(({ key, n }) => `${key}${n}`)
      const those = (fate: Fate) =>
        [...last].flatMap(([key, n]) => upTo(n).flatMap((i) => (fateOf(i) === fate ? [`${key}${i}`] : [])))
      const dead = [...outputs('dead').values()].flatMap((records) => named(valuesOf<Timed>(records)))
      assert.deepEqual(dead.toSorted(), those('dead-lettered').toSorted(), 'what was set aside')
      // Of each window the newest row counts, closed or open.
      const windowsOf = (rows: readonly Windowed<readonly string[]>[]) => new Map(rows.map(({ start, value }) => [start, value]))
      const rows = [...outputs('updates').values()].flatMap((records) => [
        ...windowsOf(valuesOf<Windowed<readonly string[]>>(records)).values(),
      ])
      const late = [...outputs('late').values()].flatMap((records) => named(valuesOf<Timed>(records)))
      assert.deepEqual(
        [...rows.flat(), ...late].toSorted(),
        those('taken').toSorted(),
        'each of the others is in its window, or late, and once',
      )
    },
  }
}
