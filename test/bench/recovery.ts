/** How long an application with state in Redis gives no output when a process ends: with few keys and many, Redis as it was and emptied. */
import { flushRedis } from '../support/redis-contents.ts'
import { BenchCluster } from './bench-cluster.ts'
import { type FailoverResult, failoverResult, restarts, starting, takeOvers, underTraffic } from './failover.ts'
import { fillState } from './filled-state.ts'
import { exportOf } from './topology-start.ts'

export interface RecoveryOptions {
  readonly brokers: readonly string[]
  readonly redisUrl: string
  readonly keys: number
  readonly times: number
  readonly progress: (line: string) => void
}

const few = 1_000

/** Seconds without output. */
export async function measureRecovery(options: RecoveryOptions): Promise<readonly FailoverResult[]> {
  const { brokers, redisUrl, keys, times, progress } = options
  const bench = new BenchCluster(brokers)
  const states = [
    { application: 'empty-state', keys: 0 },
    { application: 'few-keys', keys: few },
    { application: 'many-keys', keys },
  ]
  for (const state of states) await fillState(bench, { ...state, brokers, redisUrl, progress })
  const results: FailoverResult[] = []
  const note = (name: string, seconds: readonly number[]) => void results.push(failoverResult(name, seconds))
  for (const { application, keys: count } of states) {
    const start = starting({ brokers, exportName: exportOf(application), flags: { 'redis-url': redisUrl } })
    const of = { start, times, progress }
    await underTraffic(bench, application, async (outputs) => {
      note(`${count} keys: stopped and started, Redis warm`, await restarts(outputs, { ...of, end: 'stop' }))
      note(`${count} keys: killed and started, Redis warm`, await restarts(outputs, { ...of, end: 'kill' }))
      note(`${count} keys: taken over, Redis warm`, await takeOvers(outputs, of))
    })
  }
  const start = starting({ brokers, exportName: 'manyKeys', flags: { 'redis-url': redisUrl } })
  const emptied = { start, times: 1, meanwhile: () => flushRedis(redisUrl), progress }
  await underTraffic(bench, 'many-keys', async (outputs) => {
    note(`${keys} keys: killed and started, Redis emptied`, await restarts(outputs, { ...emptied, end: 'kill' }))
    note(`${keys} keys: taken over, Redis emptied`, await takeOvers(outputs, emptied))
  })
  await bench.close()
  return results
}
