/** An application that has run for long: a changelog with many keys, and the same in Redis. */
import type { BenchCluster } from './bench-cluster.ts'
import { CaudalProcess } from './caudal-process.ts'
import { inputOf } from './input.ts'
import type { TimedEvent } from './paced.ts'
import { exportOf } from './topology-start.ts'

export interface FilledState {
  readonly brokers: readonly string[]
  /** Null: the changelog alone. */
  readonly redisUrl: string | null
  /** Of `topologies.ts`: one that reads `<application>-in`. */
  readonly application: string
  readonly keys: number
  /** Of each event, which is a row of the state then. Default: none, so that rows are small. */
  readonly padding?: string
  readonly progress: (line: string) => void
}

const everyMs = 100

/** Makes the topics, and lets a process take one event of each key; it has been stopped with grace when this resolves. */
export async function fillState(bench: BenchCluster, filled: FilledState): Promise<void> {
  const { brokers, redisUrl, application, keys, padding = '', progress } = filled
  const [input, output] = [`${application}-in`, `${application}-out`]
  await bench.createTopics([input, output])
  if (keys === 0) return
  progress(`${application}: writing ${keys} keys`)
  const event: TimedEvent = { sent: 0, padding }
  const value = JSON.stringify(event)
  const events = inputOf(keys, (n) => ({ key: `key-${n}`, value, time: Date.now() }))
  const { ends, release } = await bench.write(input, events)
  await release()
  const caudal = new CaudalProcess({
    brokers,
    exportName: exportOf(application),
    flags: redisUrl === null ? {} : { 'redis-url': redisUrl },
  })
  try {
    await bench.committed(application, input, ends, everyMs)
  } finally {
    await caudal.stop()
  }
}
