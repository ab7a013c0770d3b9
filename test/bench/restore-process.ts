/** Reads the changelog of `restored` once, as it is told, says how long that took, and ends. */
import { systemClock } from '../../service/clock.ts'
import type { TaskStatus } from '../../service/runtime/running.ts'
import { changelogTopic } from '../../service/topology/names.ts'
import { BenchCluster } from './bench-cluster.ts'
import { readTopic } from './fetch-side.ts'
import { partitions } from './input.ts'
import type { Reading, ReadingResult } from './restore.ts'
import { startTopology } from './topology-start.ts'

const application = 'restored'
const lookEveryMs = 2

async function fetch({ brokers }: Reading): Promise<ReadingResult> {
  const bench = new BenchCluster(brokers)
  await bench.cluster.connect()
  const topic = changelogTopic(application, `${application}-last`)
  // The last offset of a partition is that of a marker.
  const ends = (await bench.ends(topic)).map((end) => end - 1)
  const start = systemClock.monotonic()
  const reading = readTopic(bench.cluster, topic)
  let records = 0
  await reading.until(ends, (columns) => {
    for (let i = 0; i < columns.count; i++) if (columns.valueLength(i) >= 0) records++
  })
  const seconds = (systemClock.monotonic() - start) / 1000
  await reading.close()
  await bench.close()
  return { records, seconds }
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
process.send?.(await (reading.kind === 'fetch' ? fetch(reading) : restore(reading)), () => process.exit(0))
