/** Whether a process with many keys grows: resident memory, and the heap behind full collections, from minute to minute of steady input. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../service/clock.ts'
import { BenchCluster } from './bench-cluster.ts'
import { CaudalProcess } from './caudal-process.ts'
import { fillState } from './filled-state.ts'
import type { HeapNote } from './heap-watch.ts'
import { padding, produceSteadily } from './paced.ts'
import { loadAverage, median } from './statistics.ts'
import { exportOf } from './topology-start.ts'

export interface MemoryResult {
  readonly name: string
  /** By minute, the median of what was resident once a second, bytes. */
  readonly resident: readonly number[]
  /** By minute, the least that the worker's heap had in use behind a full collection, bytes; NaN where there was none. */
  readonly heap: readonly number[]
  readonly loadAverage: number
}

export interface MemoryOptions {
  readonly brokers: readonly string[]
  /** Null: state in memory alone. */
  readonly redisUrl: string | null
  readonly keys: number
  readonly minutes: number
  readonly progress: (line: string) => void
}

interface Watched {
  readonly name: string
  readonly application: string
  readonly redisUrl: string | null
}

const perSecond = 2_000
/** At which each key comes once before anything is measured, so that caches are as full as they get. */
const firstPerSecond = 20_000
const minuteMs = 60_000
const pageBytes = 4096
const mainThread = 0
const heapWatch = new URL('heap-watch.ts', import.meta.url).href

/** State in memory and in Redis, side by side. */
export async function measureMemory(options: MemoryOptions): Promise<readonly MemoryResult[]> {
  const bench = new BenchCluster(options.brokers)
  const inMemory = { name: 'state in memory', application: 'steady', redisUrl: null }
  const inRedis = { name: 'state in Redis', application: 'steady-redis' }
  const watched: readonly Watched[] = [
    inMemory,
    ...(options.redisUrl === null ? [] : [{ ...inRedis, redisUrl: options.redisUrl }]),
  ]
  // As long as those that come later: state that is replaced does not grow.
  for (const each of watched) await fillState(bench, { ...options, ...each, padding })
  const results = await Promise.all(watched.map((each) => watch(bench, each, options)))
  await bench.close()
  return results
}

async function watch(
  bench: BenchCluster,
  { name, application, redisUrl }: Watched,
  { brokers, keys, minutes, progress }: MemoryOptions,
): Promise<MemoryResult> {
  const folder = mkdtempSync(join(tmpdir(), 'caudal-memory-'))
  const notes = join(folder, 'heap')
  const caudal = new CaudalProcess({
    brokers,
    exportName: exportOf(application),
    flags: redisUrl === null ? {} : { 'redis-url': redisUrl },
    execArgv: ['--import', heapWatch],
    env: { HEAP_NOTES: notes },
  })
  const [input, keyOf] = [`${application}-in`, keyOfMany(keys)]
  const stop = new AbortController()
  let traffic = Promise.resolve()
  const resident: number[] = []
  let begin = 0
  try {
    const first = AbortSignal.timeout((keys / firstPerSecond) * 1000)
    await produceSteadily(bench, input, { perSecond: firstPerSecond, keyOf, signal: first })
    traffic = produceSteadily(bench, input, { perSecond, keyOf, signal: stop.signal })
    // What is restored, compiled and cached for the first time is no growth.
    await systemClock.sleep(minuteMs)
    begin = systemClock.now()
    for (let minute = 0; minute < minutes; minute++) {
      const samples: number[] = []
      while (systemClock.now() < begin + (minute + 1) * minuteMs) {
        await systemClock.sleep(1000)
        samples.push(residentBytes(caudal.pid))
      }
      resident.push(median(samples))
      progress(`${name}: minute ${minute + 1}, ${((resident.at(-1) ?? 0) / 2 ** 20).toFixed(1)} MB resident`)
    }
  } finally {
    stop.abort()
    await traffic
    await caudal.stop()
  }
  const heap = heapByMinute(existsSync(notes) ? readFileSync(notes, 'utf8') : '', begin, minutes)
  rmSync(folder, { recursive: true })
  return { name, resident, heap, loadAverage: loadAverage() }
}

/** Each of the keys in turn. */
const keyOfMany = (count: number) => (n: number) => `key-${(n * 7919) % count}`

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes
}

function heapByMinute(text: string, begin: number, minutes: number): readonly number[] {
  const notes = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as HeapNote)
    .filter(({ thread }) => thread !== mainThread)
  return Array.from({ length: minutes }, (_, minute) => {
    const inMinute = notes.filter(({ at }) => Math.floor((at - begin) / minuteMs) === minute)
    return inMinute.length === 0 ? Number.NaN : Math.min(...inMinute.map(({ usedBytes }) => usedBytes))
  })
}
