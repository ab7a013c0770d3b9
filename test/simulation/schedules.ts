/** Spreads schedules over processes, and puts what they found into words. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { scenarioOf } from './scenario.ts'
import type { Job, JobResult, SeedResult } from './schedule-jobs.ts'

const entry = fileURLToPath(new URL('schedule-process.ts', import.meta.url))

export interface SpreadOptions {
  readonly processes?: number
  readonly onResult?: (result: JobResult) => void
  /** Asked before each job: true to begin no more. */
  readonly isOver?: () => boolean
}

/** Carries out all jobs; results come in the order in which they end. @throws Error where a process died */
export async function spread(jobs: Iterable<Job>, options: SpreadOptions = {}): Promise<readonly JobResult[]> {
  const { processes = availableParallelism(), onResult = () => {}, isOver = () => false } = options
  const results: JobResult[] = []
  const left = jobs[Symbol.iterator]()
  const runOne = async () => {
    const child = fork(entry, {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })
    try {
      for (let next = left.next(); !next.done && !isOver(); next = left.next()) {
        const result = await asked(child, next.value)
        results.push(result)
        onResult(result)
      }
    } finally {
      // One that died has no channel any more, and what it died of is the error that counts.
      if (child.connected) child.disconnect()
    }
  }
  await Promise.all(Array.from({ length: processes }, runOne))
  return results
}

async function asked(child: ChildProcess, job: Job): Promise<JobResult> {
  const over = new AbortController()
  const { signal } = over
  const answer = once(child, 'message', { signal }).then(([result]) => result as JobResult)
  const death = once(child, 'exit', { signal }).then(([code, by]) => {
    throw new Error(`the process that ran ${JSON.stringify(job)} ended with ${code ?? by}`)
  })
  child.send(job)
  try {
    return await Promise.race([answer, death])
  } finally {
    answer.catch(() => {})
    death.catch(() => {})
    over.abort()
  }
}

export function* seedJobs(first: number, count: number): Iterable<Job> {
  for (let seed = first; seed < first + count; seed++) yield { kind: 'seed', seed }
}

/** Of a long trace, the last steps; what happened to the processes, to Kafka and to the store is shown from the start. */
const lastSteps = 150

/** The events of a trace and its last steps. */
function shorten(trace: readonly string[]): string {
  const from = Math.max(0, trace.length - lastSteps)
  const events = trace.slice(0, from).filter((line) => line.includes('-- ') || line.includes('"'))
  return [...events, '  … all steps from here on:', ...trace.slice(from)].join('\n')
}

/** What is to be read first stands last: above it may be thousands of lines. */
export function told({ seed, failure, steps }: Pick<SeedResult, 'seed' | 'failure' | 'steps'>): string {
  const scenario = scenarioOf(seed)
  const settings = JSON.stringify({ ...scenario, faults: [...scenario.faults] })
  const replay = `npm run test:simulation -- --seed ${seed}`
  return `seed ${seed}: ${settings}\nseed ${seed}: ${failure ?? `every invariant held, after ${steps} steps`}\nreplay: ${replay}`
}

/** A failure with its trace. */
export const toldWithTrace = (result: SeedResult): string => `${shorten(result.trace)}\n\n${told(result)}`
