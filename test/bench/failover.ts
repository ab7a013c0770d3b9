/** Time from SIGKILL to the first output that another process has committed. */
import { systemClock } from '../../service/clock.ts'
import { BenchCluster } from './bench-cluster.ts'
import { type CaudalOptions, CaudalProcess } from './caudal-process.ts'
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

export async function measureFailover({ brokers, times, progress }: FailoverOptions): Promise<readonly FailoverResult[]> {
  const bench = new BenchCluster(brokers)
  await bench.createTopics(['restarted', 'taken-over'].flatMap((name) => [`${name}-in`, `${name}-out`]))
  const restart = await underTraffic(bench, 'restarted', (outputs) =>
    restarts(outputs, { start: starting({ brokers, exportName: 'restarted' }), end: 'kill', times, progress }),
  )
  const takeOver = await underTraffic(bench, 'taken-over', (outputs) =>
    takeOvers(outputs, { start: starting({ brokers, exportName: 'takenOver' }), times, progress }),
  )
  await bench.close()
  return [
    failoverResult('restarted at once, same instance id', restart),
    failoverResult('taken over by a live peer, session time-out 6 s', takeOver),
  ]
}

export const failoverResult = (name: string, seconds: readonly number[]): FailoverResult => ({
  name,
  seconds: figureOf(seconds),
  times: seconds.length,
  loadAverage: loadAverage(),
})

/** Starts a process of a topology under an instance id. */
export type Start = (instance: string) => CaudalProcess

export const starting =
  ({ flags, ...options }: CaudalOptions): Start =>
  (instance) =>
    new CaudalProcess({ ...options, flags: { ...session, ...flags, 'instance-id': instance } })

/** The process that wrote the newest record of each partition, and when a process was first seen in one. */
export class Outputs {
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

/** Sends to `<name>-in` and reads what comes newly out of `<name>-out` for as long as the work takes. */
export async function underTraffic<T>(bench: BenchCluster, name: string, work: (outputs: Outputs) => Promise<T>): Promise<T> {
  const outputs = new Outputs()
  const stop = new AbortController()
  const { signal } = stop
  const from = await bench.ends(`${name}-out`)
  const traffic = Promise.all([
    produceSteadily(bench, `${name}-in`, { perSecond, signal }),
    readSteadily(bench, `${name}-out`, { see: outputs.see, from, signal }),
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

export interface Repetition {
  readonly start: Start
  readonly times: number
  /** What happens to the state in Redis while the process is gone; default nothing. */
  readonly meanwhile?: () => Promise<unknown>
  readonly progress: (line: string) => void
}

/** Seconds from the end of a process, killed or asked for, to the first committed output of the next one under its instance id. */
export async function restarts(
  outputs: Outputs,
  { start, times, end, meanwhile, progress }: Repetition & { readonly end: 'kill' | 'stop' },
): Promise<readonly number[]> {
  const seconds: number[] = []
  let caudal = start('one')
  try {
    await outputs.until((writers) => writers.every((writer) => writer === caudal.pid))
    while (seconds.length < times) {
      await systemClock.sleep(steadyMs)
      if (end === 'stop') await caudal.stop()
      const ended = systemClock.monotonic()
      caudal.kill()
      await meanwhile?.()
      caudal = start('one')
      await outputs.until((writers) => writers.includes(caudal.pid))
      seconds.push((systemClock.monotonic() - ended) / 1000)
      progress(`failover, restarted (${end}): ${seconds.at(-1)?.toFixed(2)} s`)
      await outputs.until((writers) => writers.every((writer) => writer === caudal.pid))
    }
  } finally {
    await caudal.stop()
  }
  return seconds
}

/** Seconds from a SIGKILL to the first committed output of a live peer in a partition that the dead one had. */
export async function takeOvers(outputs: Outputs, { start, times, meanwhile, progress }: Repetition): Promise<readonly number[]> {
  const seconds: number[] = []
  let [victim, peer] = [start('one'), start('two')]
  try {
    while (seconds.length < times) {
      await outputs.until((writers) => writers.includes(victim.pid) && writers.includes(peer.pid))
      await systemClock.sleep(steadyMs)
      const lost = outputs.writers.flatMap((writer, partition) => (writer === victim.pid ? [partition] : []))
      const killed = systemClock.monotonic()
      victim.kill()
      await meanwhile?.()
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
