/** Runs all sides in turn, round after round, each in its own process: what else the machine does falls on all of them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { BenchCluster } from './bench-cluster.ts'
import type { PartitionRecords } from './input.ts'
import { type InputKind, Inputs } from './inputs.ts'
import type { FromSide, SideKind, SideOptions, SideRun, ToSide } from './side.ts'
import { loadAverage } from './statistics.ts'

export interface SideSpec {
  readonly kind: SideKind
  /** In the report. */
  readonly name: string
  /** Reads `<topic>-in`. */
  readonly topic: string
  readonly input: InputKind
  readonly records: number
  readonly usesRedis: boolean
  /** The name of the keyBy that the topology has, if it has one. */
  readonly repartition: string | null
}

export interface SideResult extends SideSpec {
  readonly runs: readonly SideRun[]
  readonly loadAverages: readonly number[]
}

export interface ThroughputOptions {
  readonly brokers: readonly string[]
  readonly redisUrl: string | null
  readonly sides: readonly SideSpec[]
  readonly runs: number
  readonly progress: (line: string) => void
}

const otherTopics = ['out', 'changelog'] as const

export async function measureThroughput(options: ThroughputOptions): Promise<readonly SideResult[]> {
  const { brokers, redisUrl, sides, runs, progress } = options
  const bench = new BenchCluster(brokers)
  await bench.createTopics(sides.flatMap(({ topic }) => ['in', ...otherTopics].map((end) => `${topic}-${end}`)))
  const inputs = new Inputs()
  const results = new Map<SideSpec, { runs: SideRun[]; loadAverages: number[] }>()
  const processes: SideProcess[] = []
  try {
    for (const spec of sides) {
      const { topic, repartition, usesRedis } = spec
      processes.push(await SideProcess.open(spec, { brokers, redisUrl: usesRedis ? redisUrl : null, topic, repartition }))
      results.set(spec, { runs: [], loadAverages: [] })
    }
    for (let run = 1; run <= runs; run++) {
      for (const side of processes) {
        const { spec } = side
        const measured = await side.run(bench, inputs.of(spec.input, spec.records, run - 1))
        results.get(spec)?.runs.push(measured)
        results.get(spec)?.loadAverages.push(loadAverage())
        await assertWritten(bench, spec)
        for (const end of ['in', ...otherTopics]) await bench.empty(`${spec.topic}-${end}`)
        const perSecond = spec.records / measured.seconds
        const cpu = (measured.cpuSeconds * 1e6) / spec.records
        progress(`run ${run} of ${runs}, ${spec.topic}: ${cpu.toFixed(2)} CPU s per million, ${Math.round(perSecond)} records/s`)
      }
    }
    return sides.map((spec) => ({ ...spec, ...(results.get(spec) ?? { runs: [], loadAverages: [] }) }))
  } finally {
    await Promise.all(processes.map((side) => side.close()))
    await bench.close()
  }
}

/** A topology that had nothing to say was not measured. */
async function assertWritten(bench: BenchCluster, { kind, topic }: SideSpec): Promise<void> {
  if (kind !== 'topology' && kind !== 'windows') return
  const ends = await bench.ends(`${topic}-out`)
  if (ends.every((end) => end === 0)) throw new Error(`${topic} wrote nothing`)
}

class SideProcess {
  readonly spec: SideSpec
  readonly #child: ChildProcess

  private constructor(spec: SideSpec, child: ChildProcess) {
    this.spec = spec
    this.#child = child
  }

  static async open(spec: SideSpec, options: SideOptions): Promise<SideProcess> {
    // kafkajs 2.2.4 asks for timers in the past, of which Node warns.
    const execArgv = ['--disable-warning=TimeoutNegativeWarning']
    const child = fork(new URL('side-process.ts', import.meta.url), [spec.kind, JSON.stringify(options)], { execArgv })
    const side = new SideProcess(spec, child)
    await side.#message('open')
    return side
  }

  /** One run: the input is written unseen, the side is armed, and the input becomes visible. */
  async run(bench: BenchCluster, input: readonly PartitionRecords[]): Promise<SideRun> {
    const written = await bench.write(`${this.spec.topic}-in`, input)
    const armed = this.#message('armed')
    this.#child.send({ kind: 'run', ends: written.ends } satisfies ToSide)
    await armed
    const done = this.#message('done')
    await written.release()
    return (await done).run
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || !this.#child.connected) return
    const exit = once(this.#child, 'exit')
    this.#child.send({ kind: 'close' } satisfies ToSide)
    await exit
  }

  async #message<K extends FromSide['kind']>(kind: K): Promise<Extract<FromSide, { kind: K }>> {
    const waiting = new AbortController()
    try {
      const exit = once(this.#child, 'exit', { signal: waiting.signal }).then(() => {
        throw new Error(`the process of ${this.spec.topic} has ended`)
      })
      const message = once(this.#child, 'message', { signal: waiting.signal }) as Promise<[FromSide]>
      message.catch(() => {})
      const [received] = await Promise.race([message, exit])
      if (received.kind !== kind) throw new Error(`${this.spec.topic} said ${received.kind} instead of ${kind}`)
      return received as Extract<FromSide, { kind: K }>
    } finally {
      waiting.abort()
    }
  }
}
