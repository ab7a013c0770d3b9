/** Reads the changelog of `restored` once, does with it as it is told, says how long that took, and ends. */
import { Redis } from 'ioredis'
import { systemClock } from '../../service/clock.ts'
import type { RecordColumns } from '../../service/kafka/records/record-columns.ts'
import type { TaskStatus } from '../../service/runtime/running.ts'
import { chunkEntriesMax } from '../../service/state/store-backend.ts'
import { changelogTopic } from '../../service/topology/names.ts'
import { BenchCluster } from './bench-cluster.ts'
import { readTopic } from './fetch-side.ts'
import { partitions } from './input.ts'
import type { Reading, ReadingResult } from './restore.ts'
import { startTopology } from './topology-start.ts'

const application = 'restored'
const lookEveryMs = 2
const commandsUnderWay = 8
const noBytes = Buffer.alloc(0)

async function fetch({ brokers }: Reading): Promise<ReadingResult> {
  let records = 0
  const seconds = await readChangelog(brokers, (columns) => {
    for (let i = 0; i < columns.count; i++) if (columns.valueLength(i) >= 0) records++
  })
  return { records, seconds }
}

/** Plain HSET, as many rows at once as a chunk has, without scripts, markers and counts. */
async function set({ brokers, redisUrl }: Reading): Promise<ReadingResult> {
  const rows: Buffer[] = []
  await readChangelog(brokers, (columns) => {
    for (let i = 0; i < columns.count; i++) rows.push(columns.key(i) ?? noBytes, columns.value(i) ?? noBytes)
  })
  const redis = new Redis(redisUrl ?? '')
  const start = systemClock.monotonic()
  const under: Promise<unknown>[] = []
  for (let at = 0; at < rows.length; at += 2 * chunkEntriesMax) {
    under.push(redis.callBuffer('HSET', [application, ...rows.slice(at, at + 2 * chunkEntriesMax)]))
    if (under.length === commandsUnderWay) await under.shift()
  }
  await Promise.all(under)
  const seconds = (systemClock.monotonic() - start) / 1000
  redis.disconnect()
  return { records: rows.length / 2, seconds }
}

/** Seconds. */
async function readChangelog(brokers: readonly string[], take: (columns: RecordColumns) => void): Promise<number> {
  const bench = new BenchCluster(brokers)
  await bench.cluster.connect()
  const topic = changelogTopic(application, `${application}-last`)
  // The last offset of a partition is that of a marker.
  const ends = (await bench.ends(topic)).map((end) => end - 1)
  const start = systemClock.monotonic()
  const reading = readTopic(bench.cluster, topic)
  await reading.until(ends, take)
  const seconds = (systemClock.monotonic() - start) / 1000
  await reading.close()
  await bench.close()
  return seconds
}

/** From the first task that restores until all run. */
async function restore({ brokers, redisUrl }: Reading): Promise<ReadingResult> {
  const { supervisor, failed } = await startTopology({ brokers, redisUrl, application, file: 'topologies.ts' })
  const tasks = (): readonly TaskStatus[] => supervisor.status().workers.flatMap((worker) => worker.tasks)
  const totals = new Map<string, number>()
  let start = 0
  for (;;) {
    for (const { task, restoring } of tasks()) {
      if (restoring === undefined) continue
      if (totals.size === 0) start = systemClock.monotonic()
      totals.set(task, restoring.total)
    }
    if (tasks().filter(({ state }) => state === 'running').length === partitions) break
    await Promise.race([systemClock.sleep(lookEveryMs), failed])
  }
  const seconds = (systemClock.monotonic() - start) / 1000
  await supervisor.stop()
  return { records: [...totals.values()].reduce((sum, total) => sum + total, 0), seconds }
}

const reading = JSON.parse(process.argv[2] ?? '{}') as Reading
process.send?.(await { fetch, set, restore }[reading.kind](reading), () => process.exit(0))
