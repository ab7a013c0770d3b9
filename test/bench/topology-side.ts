/** A topology as it runs in production: a supervisor, one worker in its thread, exactly-once. */
import { defaultConfiguration } from '../../service/config.ts'
import { startSupervisor } from '../../service/start-supervisor.ts'
import { systemClock } from '../../service/clock.ts'
import { BenchCluster, silent } from './bench-cluster.ts'
import { partitions } from './events.ts'
import type { Side, SideOptions } from './side.ts'

/** How often it is looked whether the last commit was made: part of the error of the time, and of the cost. */
const pollEveryMs = 25

export async function openTopologySide({ brokers, redisUrl, topic }: SideOptions, exportName: string): Promise<Side> {
  const { kafka, redis } = defaultConfiguration
  const configuration = {
    ...defaultConfiguration,
    applicationId: topic,
    kafka: { ...kafka, brokers },
    redis: { ...redis, url: exportName === 'countRedis' ? redisUrl : null },
    logLevel: 'error' as const,
  }
  const topologyUrl = new URL('topologies.ts', import.meta.url)
  const supervisor = await startSupervisor({ configuration, topologyUrl, exportName, log: silent })
  const running = () => supervisor.status().workers.flatMap(({ tasks }) => tasks.filter(({ state }) => state === 'running'))
  const failed = supervisor.outcome.then(({ error }) => {
    throw error ?? new Error('the topology has stopped')
  })
  failed.catch(() => {})
  while (running().length < partitions) await Promise.race([systemClock.sleep(20), failed])
  const bench = new BenchCluster(brokers)
  return {
    finish: (ends) => Promise.race([bench.committed(topic, `${topic}-in`, ends, pollEveryMs), failed]),
    close: async () => {
      await supervisor.stop()
      await bench.close()
    },
  }
}
