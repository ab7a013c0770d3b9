/** The bounds that were asked for, beside what was measured: recovery, restore, memory. */
import type { FailoverResult } from './failover.ts'
import type { MemoryResult } from './memory.ts'
import type { RestoreResult } from './restore.ts'
import { median } from './statistics.ts'
import { table } from './table.ts'

const least = 0.6
const growthMax = 0.05

export function secondsTable(what: string, results: readonly FailoverResult[]): string {
  const rows = results.map(({ name, seconds, times, loadAverage }) => [
    name,
    seconds.median.toFixed(2),
    `${seconds.least.toFixed(2)}–${seconds.greatest.toFixed(2)}`,
    String(times),
    loadAverage.toFixed(1),
  ])
  return `${what}\n\n${table([['', 'median', 'spread', 'times', 'load'], ...rows])}`
}

export function restoreTable(results: readonly RestoreResult[]): string {
  const alone = results[0]?.recordsPerSecond.median ?? Number.NaN
  const thousands = (perSecond: number) => (perSecond / 1000).toFixed(0)
  const rows = results.map(({ name, records, recordsPerSecond: rate, loadAverage }, place) => [
    name,
    String(records),
    thousands(rate.median),
    `${thousands(rate.least)}–${thousands(rate.greatest)}`,
    place === 0 ? '' : (rate.median / alone).toFixed(2),
    place === 0 ? '' : `at least ${least}`,
    place === 0 ? '' : rate.median >= least * alone ? 'pass' : 'miss',
    loadAverage.toFixed(1),
  ])
  const what =
    'Restore: a changelog of small rows, 4 partitions, one worker; a new process each time, from the first record to all tasks running.'
  return `${what}\n\n${table([['', 'records', 'k records/s', 'spread', 'to alone', 'asked for', '', 'load'], ...rows])}`
}

export function memoryTable(results: readonly MemoryResult[]): string {
  const rows = results.flatMap(({ name, resident, heap, loadAverage }) =>
    [
      { what: 'resident', values: resident },
      { what: 'heap of the worker', values: heap.filter((bytes) => !Number.isNaN(bytes)) },
    ].map(({ what, values }) => {
      const third = Math.max(1, Math.floor(values.length / 3))
      const [first, last] = [median(values.slice(0, third)), median(values.slice(-third))]
      const growth = last / first - 1
      return [
        `${name}: ${what}`,
        ...[first, last, Math.max(...values)].map((bytes) => (bytes / 2 ** 20).toFixed(1)),
        `${(100 * growth).toFixed(1)} %`,
        Number.isNaN(growth) ? 'no full collection' : growth <= growthMax ? 'pass' : 'miss',
        loadAverage.toFixed(1),
      ]
    }),
  )
  const what = [
    'Memory at steady input, MB, after a minute that is not counted: the median of the first third of the minutes, and of the last.',
    'Resident: the median of a minute, looked at once a second. Heap: the least of a minute that was in use behind a full collection.',
    'Asked for: at most 5 % more at the end.',
  ]
  return `${what.join('\n')}\n\n${table([['', 'first', 'last', 'most', 'growth', '', 'load'], ...rows])}`
}
