/** The report: tables of plain text, and what was asked for beside what was found. */
import type { FailoverResult } from './failover.ts'
import type { LatencyResult } from './latency.ts'
import type { MemoryResult } from './memory.ts'
import { memoryTable, restoreTable, secondsTable } from './report-bounds.ts'
import type { RestoreResult } from './restore.ts'
import type { SideResult } from './throughput.ts'
import { type Figure, figureOf, settled } from './statistics.ts'
import { table } from './table.ts'

const failoverHead = 'Failover: from SIGKILL to the first output committed by another process, s.'
const recoveryHead = [
  'Recovery, state in Redis: from the end of a process to the first output committed by the next, s. Session time-out 6 s.',
  'Asked for: warm at most 1 s more than with an empty store; stopped and started below 2 s, whatever the number of keys.',
].join('\n')

export interface Results {
  readonly runs: number
  readonly machine: string
  readonly sides: readonly SideResult[]
  readonly latency: readonly LatencyResult[]
  readonly failover: readonly FailoverResult[]
  readonly recovery: readonly FailoverResult[]
  readonly restore: readonly RestoreResult[]
  readonly memory: readonly MemoryResult[]
}

/** What a side comes to. */
export interface SideFigures {
  readonly name: string
  readonly cpuSecondsPerMillion: Figure
  readonly recordsPerSecond: Figure
  readonly peakBytes: number
  readonly loadAverage: Figure
}

interface Ratio {
  readonly text: string
  readonly value: number
  readonly asked: number
  readonly least: boolean
}

export function figuresOf({ name, records, runs, loadAverages }: SideResult): SideFigures {
  const counted = settled(runs)
  return {
    name,
    cpuSecondsPerMillion: figureOf(counted.map(({ cpuSeconds }) => (cpuSeconds * 1e6) / records)),
    recordsPerSecond: figureOf(counted.map(({ seconds }) => records / seconds)),
    peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
    loadAverage: figureOf(settled(loadAverages)),
  }
}

export function reportOf(results: Results): string {
  const sections = [
    results.sides.length > 0 ? [throughputTable(results), ratiosTable(results)] : [],
    results.latency.length > 0 ? [latencyTable(results.latency)] : [],
    results.failover.length > 0 ? [secondsTable(failoverHead, results.failover)] : [],
    results.recovery.length > 0 ? [secondsTable(recoveryHead, results.recovery)] : [],
    results.restore.length > 0 ? [restoreTable(results.restore)] : [],
    results.memory.length > 0 ? [memoryTable(results.memory)] : [],
  ]
  return `${[`caudal bench, ${results.machine}`, ...sections.flat()].join('\n\n')}\n`
}

function throughputTable({ sides, runs }: Results): string {
  const rows = sides.map((side) => {
    const { name, cpuSecondsPerMillion: cpu, recordsPerSecond: rate, peakBytes, loadAverage } = figuresOf(side)
    const thousands = (perSecond: number) => (perSecond / 1000).toFixed(0)
    return [
      name,
      (side.records / 1e6).toFixed(1),
      cpu.median.toFixed(2),
      `${cpu.least.toFixed(2)}–${cpu.greatest.toFixed(2)}`,
      thousands(rate.median),
      `${thousands(rate.least)}–${thousands(rate.greatest)}`,
      (peakBytes / 2 ** 20).toFixed(0),
      loadAverage.median.toFixed(1),
    ]
  })
  const counted = settled(Array.from({ length: runs }, (_, run) => run + 1))
  const what = [
    `Throughput: ${runs} runs a side, sides in turn, a process each; median and spread of runs ${counted.join(', ')}.`,
    '240 bytes of JSON a record (bids: 90), 4 partitions, one worker, exactly-once, batches of 100 ms. One event in three passes the filter.',
    'Yahoo: 100 campaigns of 10 ads, 10 000 events a second of event time. Bids: 1 000 auctions at a time, each for 50 s, 10 000 bids a second.',
    'From the moment that all input of a run becomes visible to the commit that covers its last record; start-up is not in it.',
    'CPU: whole process, all threads, user and system. Load: average of the machine over the minute before.',
  ]
  const head = ['side', 'M records', 'CPU s/M', 'spread', 'k records/s', 'spread', 'peak MB', 'load']
  return `${what.join('\n')}\n\n${table([head, ...rows])}`
}

function ratiosTable({ sides }: Results): string {
  const figures = new Map(sides.map((side) => [side.topic, figuresOf(side)]))
  const cpu = (topic: string) => figures.get(topic)?.cpuSecondsPerMillion.median ?? Number.NaN
  const rate = (topic: string) => figures.get(topic)?.recordsPerSecond.median ?? Number.NaN
  const ratios: readonly Ratio[] = [
    { text: '(c) / (b), CPU', value: cpu('count') / cpu('parse'), asked: 1.6, least: false },
    { text: '(d) / (c), CPU', value: cpu('count-redis') / cpu('count'), asked: 1.2, least: false },
    { text: '(e) / (b), CPU', value: cpu('pass') / cpu('parse'), asked: 4, least: false },
    { text: '(c) / (f), records/s', value: rate('count') / rate('kafkajs-count'), asked: 2.5, least: true },
    { text: 'Yahoo keyed / parse, CPU', value: cpu('yahoo-keyed') / cpu('yahoo-parse'), asked: 1.6, least: false },
    { text: 'Yahoo through keyBy / parse, CPU', value: cpu('yahoo-repartition') / cpu('yahoo-parse'), asked: 2.6, least: false },
    { text: 'hopping / tumbling, CPU', value: cpu('bids-hopping') / cpu('bids-tumbling'), asked: 1.5, least: false },
    { text: '(e) / (f), records/s', value: rate('pass') / rate('kafkajs-pass'), asked: 2.5, least: true },
  ]
  const rows = ratios
    .filter(({ value }) => !Number.isNaN(value))
    .map(({ text, value, asked, least }) => [
      text,
      value.toFixed(2),
      `${least ? 'at least' : 'at most'} ${asked}`,
      (least ? value >= asked : value <= asked) ? 'pass' : 'miss',
    ])
  return rows.length === 0 ? 'No ratios: they need more sides.' : table([['ratio', 'found', 'asked for', ''], ...rows])
}

function latencyTable(latency: readonly LatencyResult[]): string {
  const [bare] = latency
  const rows = latency.map(({ name, p50, p95, p99, records, loadAverage }) => [
    name,
    ...[p50, p95, p99].map((ms) => ms.toFixed(1)),
    ...[p50 / (bare?.p50 ?? Number.NaN), p99 / (bare?.p99 ?? Number.NaN)].map((times) => `${times.toFixed(1)} ×`),
    String(records),
    loadAverage.toFixed(1),
  ])
  const what =
    'Latency at 5 000 records/s, once all is warm: from the append of a record to a reader of committed records that sees its output, ms.'
  const head = ['', 'p50', 'p95', 'p99', 'p50 to bare', 'p99 to bare', 'records', 'load']
  return `${what}\n\n${table([head, ...rows])}`
}
