/** Time from SIGKILL to the first output that another process has committed. */
import { systemClock } from '../../service/clock.ts'
import { BenchCluster } from './bench-cluster.ts'
import { CaudalProcess } from './caudal-process.ts'
import { partitions } from './input.ts'
import { produceSteadily, readSteadily, type SeenEvent } from './paced.ts'
import { figureOf, type Figure, loadAverage } from './statistics.ts'

export interface FailoverResult {
  readonly name: string
  /** Seconds. */
  readonly seconds: Figure
  readonly times: number
  readonly loadAverage: number
}

export interface FailoverOptions {
  readonly brokers: readonly string[]
  readonly times: number
  readonly progress: (line: string) => void
}

const perSecond = 1_000
const withinMs = 60_000
/** How long all runs undisturbed before a kill. */
const steadyMs = 3_000
const session = { 'kafka-session-timeout-ms': '6000', 'kafka-heartbeat-interval-ms': '1000' }

export async function measureFailover(options: FailoverOptions): Promise<readonly FailoverResult[]> {
  const bench = new BenchCluster(options.brokers)
  const restart = await underTraffic(bench, 'restarted', (outputs) => killAndRestart(outputs, options))
  const takeOver = await underTraffic(bench, 'taken-over', (outputs) => killOneOfTwo(outputs, options))
  await bench.close()
  const result = (name: string, seconds: readonly number[]): FailoverResult => ({
    name,
    seconds: figureOf(seconds),
    times: seconds.length,
    loadAverage: loadAverage(),
  })
  return [
    result('restarted at once, same instance id', restart),
    result('taken over by a live peer, session time-out 6 s', takeOver),
  ]
}

/** The process that wrote the newest record of each partition, and when a process was first seen in one. */
class Outputs {
  readonly writers: (number | undefined)[] = Array.from({ length: partitions })
  readonly #waiting = new Set<() => void>()

  readonly see = ({ partition, process: writer }: SeenEvent): void => {
    if (this.writers[partition] === writer) return
    this.writers[partition] = writer
    for (const wake of this.#waiting) wake()
  }

  /** @throws after a minute */
  async until(condition: (writers: readonly (number | undefined)[]) => boolean): Promise<void> {
    const given = new AbortController()
    const late = systemClock.sleep(withinMs, given.signal).then(() => {
      if (!given.signal.aborted) throw new Error(`no output of the process that was awaited after ${withinMs} ms`)
    })
    while (!condition(this.writers)) {
      const changed = Promise.withResolvers<void>()
      this.#waiting.add(changed.resolve)
      await Promise.race([changed.promise, late])
      this.#waiting.delete(changed.resolve)
    }
    given.abort()
    await late
  }
}

async function underTraffic<T>(bench: BenchCluster, name: string, work: (outputs: Outputs) => Promise<T>): Promise<T> {
  await bench.createTopics([`${name}-in`, `${name}-out`])
  const outputs = new Outputs()
  const stop = new AbortController()
  const { signal } = stop
  const traffic = Promise.all([
    produceSteadily(bench, `${name}-in`, { perSecond, signal }),
    readSteadily(bench, `${name}-out`, { see: outputs.see, signal }),
  ])
  try {
    return await Promise.race([
      work(outputs),
      traffic.then((): never => {
        throw new Error('the traffic has ended')
      }),
    ])
  } finally {
    stop.abort()
    await traffic
  }
}

async function killAndRestart(outputs: Outputs, { brokers, times, progress }: FailoverOptions): Promise<readonly number[]> {
  const start = () => new CaudalProcess({ brokers, exportName: 'restarted', flags: { ...session, 'instance-id': 'one' } })
  const seconds: number[] = []
  let caudal = start()
  try {
    await outputs.until((writers) => writers.every((writer) => writer === caudal.pid))
    while (seconds.length < times) {
      await systemClock.sleep(steadyMs)
      const killed = systemClock.monotonic()
      caudal.kill()
      caudal = start()
      await outputs.until((writers) => writers.includes(caudal.pid))
      seconds.push((systemClock.monotonic() - killed) / 1000)
      progress(`failover, restarted: ${seconds.at(-1)?.toFixed(2)} s`)
    }
  } finally {
    await caudal.stop()
  }
  return seconds
}

async function killOneOfTwo(outputs: Outputs, { brokers, times, progress }: FailoverOptions): Promise<readonly number[]> {
  const start = (instance: string) =>
    new CaudalProcess({ brokers, exportName: 'takenOver', flags: { ...session, 'instance-id': instance } })
  const seconds: number[] = []
  let [victim, peer] = [start('one'), start('two')]
  try {
    while (seconds.length < times) {
      await outputs.until((writers) => writers.includes(victim.pid) && writers.includes(peer.pid))
      await systemClock.sleep(steadyMs)
      const lost = outputs.writers.flatMap((writer, partition) => (writer === victim.pid ? [partition] : []))
      const killed = systemClock.monotonic()
      victim.kill()
      await outputs.until((writers) => lost.some((partition) => writers[partition] === peer.pid))
      seconds.push((systemClock.monotonic() - killed) / 1000)
      progress(`failover, taken over: ${seconds.at(-1)?.toFixed(2)} s`)
      // Back to two, in other roles.
      if (seconds.length < times) [victim, peer] = [peer, start(`next-${seconds.length}`)]
    }
  } finally {
    await Promise.all([victim.stop(), peer.stop()])
  }
  return seconds
}
