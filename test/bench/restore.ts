/**
 * How fast a changelog is restored, into memory and into Redis, beside fetching and decoding it alone, and beside what Redis takes of the
 * same rows without us; each time in a new process.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { flushRedis } from '../support/redis-contents.ts'
import { BenchCluster } from './bench-cluster.ts'
import { fillState } from './filled-state.ts'
import { type Figure, figureOf, loadAverage } from './statistics.ts'

export interface RestoreResult {
  readonly name: string
  readonly records: number
  readonly recordsPerSecond: Figure
  readonly loadAverage: number
}

export interface RestoreOptions {
  readonly brokers: readonly string[]
  /** Null: into memory alone. */
  readonly redisUrl: string | null
  readonly keys: number
  readonly progress: (line: string) => void
}

/**
 * What a process is to do: `fetch` reads the changelog and decodes it, `set` puts what it has read into Redis (the reading is not measured),
 * `restore` is a topology that takes its tasks.
 */
export interface Reading {
  readonly kind: 'fetch' | 'set' | 'restore'
  readonly brokers: readonly string[]
  /** Null: state is in memory. */
  readonly redisUrl: string | null
}

export interface ReadingResult {
  readonly records: number
  readonly seconds: number
}

const rounds = 3
const reader = fileURLToPath(new URL('restore-process.ts', import.meta.url))

const sidesOfRedis = [
  { name: 'restored into Redis', kind: 'restore' },
  { name: 'HSET of the same rows alone', kind: 'set' },
] as const

export async function measureRestore({ brokers, redisUrl, keys, progress }: RestoreOptions): Promise<readonly RestoreResult[]> {
  const bench = new BenchCluster(brokers)
  await fillState(bench, { brokers, redisUrl: null, application: 'restored', keys, progress })
  await bench.close()
  const sides = [
    { name: 'fetched and decoded alone', reading: { kind: 'fetch', brokers, redisUrl: null } },
    { name: 'restored into memory', reading: { kind: 'restore', brokers, redisUrl: null } },
    ...(redisUrl === null ? [] : sidesOfRedis.map(({ name, kind }) => ({ name, reading: { kind, brokers, redisUrl } }))),
  ] as const
  const results = sides.map(({ name }) => ({ name, found: [] as ReadingResult[] }))
  // In turn, so that what else the machine does falls on all of them.
  for (let round = 0; round < rounds; round++) {
    for (const [place, { name, reading }] of sides.entries()) {
      if (reading.redisUrl !== null) await flushRedis(reading.redisUrl)
      const found = await inProcess(reading)
      progress(`${name}: ${found.records} records in ${found.seconds.toFixed(2)} s`)
      results[place]?.found.push(found)
    }
  }
  return results.map(({ name, found }) => ({
    name,
    records: found[0]?.records ?? 0,
    recordsPerSecond: figureOf(found.map(({ records, seconds }) => records / seconds)),
    loadAverage: loadAverage(),
  }))
}

function inProcess(reading: Reading): Promise<ReadingResult> {
  const child = fork(reader, [JSON.stringify(reading)])
  return new Promise((resolve, reject) => {
    let result: ReadingResult | null = null
    child.on('message', (message) => {
      result = message as ReadingResult
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (result === null) reject(new Error(`the process that reads the changelog ended with ${code}`))
      else resolve(result)
    })
  })
}
