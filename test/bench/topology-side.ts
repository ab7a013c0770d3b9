/** A topology as it runs in production: input that it has to get through. */
import { systemClock } from '../../service/clock.ts'
import { repartitionTopic } from '../../service/topology/names.ts'
import { BenchCluster, type Ends } from './bench-cluster.ts'
import { partitions } from './input.ts'
import type { Side, SideOptions } from './side.ts'
import { startTopology } from './topology-start.ts'

/** How often it is looked whether the last commit was made: part of the error of the time, and of the cost. */
const pollEveryMs = 25

/** `file`: in this folder. */
export async function openTopologySide(options: SideOptions, file: string): Promise<Side> {
  const { brokers, redisUrl, topic } = options
  const { supervisor, failed } = await startTopology({ brokers, redisUrl, application: topic, file })
  const running = () => supervisor.status().workers.flatMap(({ tasks }) => tasks.filter(({ state }) => state === 'running'))
  const tasks = options.repartition === null ? partitions : 2 * partitions
  while (running().length < tasks) await Promise.race([systemClock.sleep(20), failed])
  const bench = new BenchCluster(brokers)
  return {
    finish: (ends) => Promise.race([finish(bench, options, ends), failed]),
    close: async () => {
      await supervisor.stop()
      await bench.close()
    },
  }
}

/** What was read is committed, and what came of it behind a keyBy too. */
async function finish(bench: BenchCluster, { topic, repartition }: SideOptions, ends: Ends): Promise<void> {
  await bench.committed(topic, `${topic}-in`, ends, pollEveryMs)
  if (repartition === null) return
  const between = repartitionTopic(topic, repartition)
  // The last offset of a partition is that of a transaction's marker, for which nobody makes a batch.
  const written = (await bench.ends(between)).map((end) => end - 1)
  await bench.committed(topic, between, written, pollEveryMs)
}
